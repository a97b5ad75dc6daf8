// Versions of a record: the current one is its row, those before it are documents of their own, keyed by record id, life
// and number. No write touches two documents, so the order of writes has to do what a transaction would.
//
// A row says how many versions before it are kept, without a gap. So what lies there beside those is hidden by the row
// alone, whatever a crash or a slow writer has left: a number of the row's own or above (kept, but the replacement never
// came), one below the kept ones (pruned), another life (the record was deleted or had expired). That number can only
// rise and a life never returns, so what is below or of another life is dead for good.
//
// Storing: keep the current version, then replace the row on the condition that it still has the key id that was kept,
// then remove what is dead. A crash after the first leaves a document that is hidden, and is what the next writer would
// write; after the second, dead documents. Of two writers the slower one's condition fails, and it keeps the other's
// version before it tries again: so no version that was acknowledged is replaced without having been kept.
// As documents are keyed by life, a slow writer of a former life cannot overwrite a version of this one.
//
// Deleting: the row first, on its condition, then the versions. A crash in between leaves versions of a life that is
// over: hidden, as nothing refers to them. The other way round it would leave a record that has lost its past. A writer
// who kept the row's version meanwhile fails on its condition, and begins a new life.
//
// Sweeping: documents are read before the row is. What is dead by that row was dead or unborn when it was read, and dead
// documents stay dead; the other way round a version kept in between, of a life just begun, would be taken for dead.
import type { Clock } from '../../core/clock.js'
import { VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { conflict, retryOnConflict } from '../store/compare-and-set.js'
import type { PartSet } from '../store/part-store.js'
import type { Put, Store, StoreCall, Written } from '../store/store.js'
import { cutToHeader, keyIdOf } from './envelope-header.js'
import { isExpired } from './expiry.js'
import { firstAttempt, priorAttempt } from './prior-attempt.js'
import { newLifeId } from './record-id.js'
import { lifeOf, versionOf } from './write-rules.js'

/** The number below which nothing is kept. */
export function firstKept({ version, keptVersions }: SealedRecord): bigint {
  return version - BigInt(keptVersions)
}

function isKept(version: SealedRecord, current: SealedRecord): boolean {
  return !isDead(version, current) && version.version < current.version
}

/** For good, if it was read before the row. */
function isDead(version: SealedRecord, current: SealedRecord): boolean {
  return !version.lifeId.equals(lifeOf(current)) || version.version < firstKept(current)
}

/** Whether there is no more use for a document that was read before the row: it is dead, or has expired by itself. */
export function isOver(
  version: SealedRecord,
  { current, now }: { current: SealedRecord | undefined; now: Date },
): boolean {
  if (current === undefined || isDead(version, current)) return true
  // One that is not older than the row may be on its way.
  return version.version < current.version && isExpired(version, now)
}

/** A write, but for what is known only when it is made. */
interface KeepingPut extends Omit<Put, 'keptKeyId' | 'newLife' | 'perhapsDone' | 'now'> {
  /** Since when there may have been an earlier try; undefined: there was none. */
  triedSince?: Date | undefined
}

/** Writes the record as `putRecord` does, after its current version was kept if it has to be. */
export async function putKeeping(
  { store, clock }: { store: Store; clock: Clock },
  put: KeepingPut,
  call: StoreCall,
): Promise<Written> {
  const { record, precondition, keepVersions, defaultKeepVersions, triedSince: since } = put
  // Not by a key id: a call that is repeated after a delete would begin a life of the same name as the one that has ended.
  const newLife = newLifeId()
  const attempt = async (keptKeyId?: Buffer): Promise<Written | undefined> => {
    const { done, perhapsDone } = since ? await priorAttempt({ store, clock }, { record, since }, call) : firstAttempt
    if (done) return { stored: done, change: undefined }
    const terms = { precondition, keepVersions, defaultKeepVersions, keptKeyId, newLife, perhapsDone }
    return store.putRecord({ record, now: clock.forRefusing(), ...terms }, call)
  }
  const written = await attempt()
  if (written) return written
  return retryOnConflict(async () => {
    const keptKeyId = await keepCurrent(store, record.recordId, call)
    return (await attempt(keptKeyId)) ?? conflict
  }, call)
}

async function keepCurrent(store: Store, recordId: Buffer, call: StoreCall): Promise<Buffer | undefined> {
  const current = await store.getRecord(recordId, call)
  if (current === undefined) return undefined
  await store.putVersion({ ...current, lifeId: lifeOf(current) }, call)
  return keyIdOf(current)
}

/** The version of that number of a record of which this is the current one; 0 is the current one. */
export async function findVersion(
  store: Store,
  { current, version, now }: { current: SealedRecord; version: bigint; now: Date },
  call: StoreCall,
): Promise<SealedRecord | undefined> {
  if (version === current.version) return current
  if (version < firstKept(current) || version > current.version) return undefined
  const { recordId } = current
  const found = await store.getVersion({ recordId, lifeId: lifeOf(current), version }, call)
  return found && !isExpired(found, now) ? found : undefined
}

async function keptVersions(store: Store, current: SealedRecord, call: StoreCall): Promise<SealedRecord[]> {
  if (current.keptVersions === 0) return []
  const life = { lifeId: lifeOf(current), below: current.version }
  const versions = await store.listVersions({ recordId: current.recordId, life }, call)
  return versions.filter((version) => isKept(version, current))
}

/** The current version and those kept, the newest first, envelopes cut to their header. */
export async function listVersions(
  store: Store,
  { current, now }: { current: SealedRecord; now: Date },
  call: StoreCall,
): Promise<SealedRecord[]> {
  const kept = await keptVersions(store, current, call)
  const listed = kept.filter((version) => !isExpired(version, now))
  return [cutToHeader(current), ...listed.reverse()]
}

/**
 * Whether the current version or a kept one has this key id. Time does not count: what has expired refers to its parts
 * until it is removed. Throws RECORD_CORRUPT when that cannot be told.
 */
export async function refersTo(store: Store, set: PartSet, call: StoreCall): Promise<boolean> {
  const current = await store.getRecordHeader(set.recordId, call)
  if (current === undefined) return false
  const versions = await mayHave(store, { current, keyId: set.keyId }, call)
  if (versions.some((version) => keyIdOf(version).equals(set.keyId))) return true
  if (versions.some(isUnreadable)) throw new VaultError('RECORD_CORRUPT', { cause: 'a kept version' })
  return false
}

/** The versions that may have this key id: one, if the row still knows its number. */
async function mayHave(
  store: Store,
  { current, keyId }: { current: SealedRecord; keyId: Buffer },
  call: StoreCall,
): Promise<SealedRecord[]> {
  const version = versionOf(current, keyId)
  if (version === undefined) return keptVersions(store, current, call)
  if (version === current.version) return [current]
  if (version < firstKept(current)) return []
  const kept = await store.getVersion({ recordId: current.recordId, lifeId: lifeOf(current), version }, call)
  return kept ? [kept] : []
}

/** Such a version is listed without contents. */
function isUnreadable({ envelope }: SealedRecord): boolean {
  return envelope.length === 0
}
