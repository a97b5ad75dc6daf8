// Decides a write against the row that is there now: the one place for this, whatever the engine. The etag is the
// envelope's key id; the version is for people and never decides anything.
import { invalidField, VaultError } from '../../core/errors.js'
import type { SealedRecord, StoredEnvelope } from '../../gen/encserver/v1/backend.js'
import type { DeleteTarget, Put } from '../store/store.js'
import { keyIdOf } from './envelope-header.js'
import { isExpired } from './expiry.js'

/** What to answer, and what the row has to hold before. */
export interface WriteDecision {
  stored: StoredEnvelope
  /** Undefined for a write that was done already. */
  next: SealedRecord | undefined
}

// A front end repeats a write for as long as its caller waits, and seldom more than this many others come between.
const rememberedKeyIds = 4

/** A row of another life of the user is dead: it counts as absent, and only waits to be swept. */
function owned(row: SealedRecord | undefined, userUid: Buffer): SealedRecord | undefined {
  return row?.userUid.equals(userUid) ? row : undefined
}

function demand({ precondition, perhapsDone }: Put, current: SealedRecord | undefined): void {
  const { condition } = precondition ?? {}
  const isExpected = condition?.$case === 'keyId' && current && keyIdOf(current).equals(condition.value)
  if (isExpected) return
  if (perhapsDone) throw new VaultError('OUTCOME_UNKNOWN')
  if (condition?.$case === 'absent' && current !== undefined) throw new VaultError('ALREADY_EXISTS')
  if (condition?.$case === 'keyId') throw new VaultError('PRECONDITION_FAILED')
}

/**
 * Returns undefined when the current version has to be kept before it is replaced. Throws ALREADY_EXISTS or
 * PRECONDITION_FAILED when the precondition does not hold, OUTCOME_UNKNOWN when the write may have been done before,
 * INVALID_REQUEST when the record has expired already.
 */
export function decideWrite(row: SealedRecord | undefined, put: Put): WriteDecision | undefined {
  const { record, now } = put
  const own = owned(row, record.userUid)
  // First of all: what a repeated call once changed would make its own condition fail, and time has passed since then.
  const done = priorResult(own, record)
  if (done) return { stored: done, next: undefined }
  if (isExpired(record, now)) throw tooLate(put)
  const current = own && !isExpired(own, now) ? own : undefined
  demand(put, current)
  if (current === undefined) return written(firstOf(put))
  const keep = keepOf(current, put)
  if (keep > 1 && !put.keptKeyId?.equals(keyIdOf(current))) return undefined
  return written(successor(current, put, keep))
}

/** A write that may have been done may also have been in time. */
function tooLate({ perhapsDone }: Put): VaultError {
  if (perhapsDone) return new VaultError('OUTCOME_UNKNOWN')
  return invalidField('record.expire_time', 'must be in the future')
}

function written(next: SealedRecord): WriteDecision {
  return { stored: { version: next.version, storeTime: next.storeTime }, next }
}

/** How many versions there are to be. What a record was told to keep is not let go because a later write says nothing. */
function keepOf(current: SealedRecord, { keepVersions, defaultKeepVersions }: Put): number {
  return keepVersions || current.keepVersions || Math.max(defaultKeepVersions, current.keptVersions + 1)
}

/** The first version of a life. */
function firstOf({ record, keepVersions, newLife }: Put): SealedRecord {
  return { ...record, version: 1n, lifeId: newLife, keepVersions }
}

function successor(current: SealedRecord, { record, keepVersions }: Put, keep: number): SealedRecord {
  return {
    ...record,
    version: current.version + 1n,
    replacedKeyIds: keyIdsOf(current).slice(0, rememberedKeyIds),
    lifeId: lifeOf(current),
    keptVersions: Math.min(current.keptVersions + 1, keep - 1),
    keepVersions: keepVersions || current.keepVersions,
  }
}

/** What to answer to a write that was done before and is still remembered. */
export function priorResult(row: SealedRecord | undefined, record: SealedRecord): StoredEnvelope | undefined {
  const own = owned(row, record.userUid)
  const version = own && versionOf(own, keyIdOf(record))
  return version === undefined ? undefined : { version, storeTime: own?.storeTime }
}

/** Whether it may be that a write since then was done and is not remembered: more have come after it than the row knows. */
export function mayHaveForgotten({ replacedKeyIds, storeTime }: SealedRecord, since: Date): boolean {
  return replacedKeyIds.length >= rememberedKeyIds && (storeTime === undefined || storeTime >= since)
}

/** What names the life of a record that a version belongs to. */
export function lifeOf(version: SealedRecord): Buffer {
  // Rows of before there were versions lack it; then none of that life was ever kept, and any name will do.
  return version.lifeId.length > 0 ? version.lifeId : Buffer.from(keyIdOf(version))
}

/** The row's own and those of the versions before it, the newest first. */
function keyIdsOf(row: SealedRecord): Buffer[] {
  return [Buffer.from(keyIdOf(row)), ...row.replacedKeyIds]
}

/** The version that was written under the key id: a repeated write must not undo what has replaced it meanwhile. */
export function versionOf(row: SealedRecord, keyId: Buffer): bigint | undefined {
  const age = keyIdsOf(row).findIndex((known) => known.equals(keyId))
  return age < 0 ? undefined : row.version - BigInt(age)
}

/** Whether there is something to delete; throws PRECONDITION_FAILED when it has another key id than expected. */
export function decideDelete(row: SealedRecord | undefined, { userUid, expectKeyId, now }: DeleteTarget): boolean {
  const current = owned(row, userUid)
  if (current === undefined || (now && isExpired(current, now))) return false
  if (expectKeyId && !keyIdOf(current).equals(expectKeyId)) throw new VaultError('PRECONDITION_FAILED')
  return true
}
