// Decides a write against the row that is there now: the one place for this, whatever the engine. The etag is the
// envelope's key id; the version is for people and never decides anything.
import { VaultError } from '../core/errors.js'
import type { SealedRecord, StoredEnvelope } from '../gen/encserver/v1/backend.js'
import type { Precondition } from '../gen/encserver/v1/frontend.js'
import { keyIdOf } from './envelope-header.js'
import type { DeleteTarget } from './store.js'

/** What to answer, and whether the record has to be written, with that version, before. */
export interface WriteDecision {
  write: boolean
  stored: StoredEnvelope
  /** What the row then keeps of the versions before it. */
  replacedKeyIds: Buffer[]
}

// A front end repeats a write for as long as its caller waits, and seldom more than this many others come between.
const keptKeyIds = 4

/** A row of another life of the user is dead: it counts as absent, and only waits to be swept. */
function alive(row: SealedRecord | undefined, userUid: Buffer): SealedRecord | undefined {
  return row?.userUid.equals(userUid) ? row : undefined
}

function demand(precondition: Precondition | undefined, current: SealedRecord | undefined): void {
  const { condition } = precondition ?? {}
  if (condition?.$case === 'absent' && current !== undefined) throw new VaultError('ALREADY_EXISTS')
  if (condition?.$case === 'keyId' && !(current && keyIdOf(current).equals(condition.value))) {
    throw new VaultError('PRECONDITION_FAILED')
  }
}

/** Throws ALREADY_EXISTS or PRECONDITION_FAILED when the precondition does not hold. */
export function decideWrite(
  row: SealedRecord | undefined,
  record: SealedRecord,
  precondition: Precondition | undefined,
): WriteDecision {
  const current = alive(row, record.userUid)
  // Before the precondition: what a repeated call once changed would make its own condition fail.
  const done = current && versionOf(current, keyIdOf(record))
  if (done !== undefined) {
    return { write: false, stored: { version: done, storeTime: current?.storeTime }, replacedKeyIds: [] }
  }
  demand(precondition, current)
  const stored = { version: (current?.version ?? 0n) + 1n, storeTime: record.storeTime }
  return { write: true, stored, replacedKeyIds: current ? keyIdsOf(current).slice(0, keptKeyIds) : [] }
}

/** The row's own and those of the versions before it, the newest first. */
function keyIdsOf(row: SealedRecord): Buffer[] {
  return [Buffer.from(keyIdOf(row)), ...row.replacedKeyIds]
}

/** The version that was written under the key id: a repeated write must not undo what has replaced it meanwhile. */
function versionOf(row: SealedRecord, keyId: Buffer): bigint | undefined {
  const age = keyIdsOf(row).findIndex((known) => known.equals(keyId))
  return age < 0 ? undefined : row.version - BigInt(age)
}

/** Whether there is something to delete; throws PRECONDITION_FAILED when it has another key id than expected. */
export function decideDelete(row: SealedRecord | undefined, { userUid, expectKeyId }: DeleteTarget): boolean {
  const current = alive(row, userUid)
  if (current === undefined) return false
  if (expectKeyId && !keyIdOf(current).equals(expectKeyId)) throw new VaultError('PRECONDITION_FAILED')
  return true
}
