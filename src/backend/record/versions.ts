// Versions of a record. The current version is the row; each earlier version is a document of its own, keyed by record
// id, life and number. A life of a record lasts from its first write to its delete or expiry. No write touches two
// documents, so the order of writes replaces a transaction.
//
// A row says how many of the versions directly before it are kept; their numbers have no gap. Every other document is
// hidden: readers ignore it. A crash or a slow writer left it. Its number is the row's or higher (it was kept, but the
// row was never replaced), its number is below the kept ones (it was pruned), or it has another life (the record was
// deleted or had expired). The lowest kept number only rises and a life never returns, so a document below it or of
// another life is dead for good.
//
// Store: keep the current version, then replace the row on the condition that it still has the kept key id, then remove
// the dead documents. A crash after the first step leaves a hidden document. That does no harm, as the next writer
// would write the same one. A crash after the second step leaves dead documents. Of two writers, the slower one fails
// on its condition and keeps the other's version before it tries again: so every acknowledged version is kept before it
// is replaced. Since documents are keyed by life, a slow writer of a former life cannot overwrite a version of this
// one.
//
// Delete: remove the row first, if it meets the precondition of the delete, then the versions. A crash in between
// leaves versions of an ended life, hidden because nothing refers to them. The reverse order would leave a record
// without its history. A writer that kept the row's version meanwhile fails on its condition and begins a new life.
//
// Sweep: read the documents before the row. A document that this row shows as dead is dead for good and may be removed.
// In the reverse order, a new life could begin after the row was read, and the version that it keeps would look dead.
import { VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { conflict, retryOnConflict } from '../store/compare-and-set.js'
import type { PartSet } from '../store/part-store.js'
import type { Put, PutResult, Store, StoreCall, StoreContext } from '../store/store.js'
import { cutToHeader, headerOf } from './envelope-header.js'
import { isExpired } from './expiry.js'
import { noPriorAttempt, type PriorAttempt } from './idempotency.js'
import { partSetOfRecord } from './part-set.js'
import { newLifeId } from './record-id.js'
import { lifeOf } from './write-rules.js'

/** The lowest version number that is kept, or the row's own when none is. */
export function firstKept({ version, keptVersions }: SealedRecord): bigint {
  return version - BigInt(keptVersions)
}

function isKept(version: SealedRecord, current: SealedRecord): boolean {
  return !isDead(version, current) && version.version < current.version
}

/** True if the version is dead. It stays dead if it was read before the row. */
function isDead(version: SealedRecord, current: SealedRecord): boolean {
  return !version.lifeId.equals(lifeOf(current)) || version.version < firstKept(current)
}

/** True if a version may be removed: it is dead or has expired. It must have been read before the row. */
export function isOver(
  version: SealedRecord,
  { current, now }: { current: SealedRecord | undefined; now: Date },
): boolean {
  if (current === undefined || isDead(version, current)) return true
  // A writer may just be about to replace the row of this version.
  return version.version < current.version && isExpired(version, now)
}

/** A write without the fields that `putKeeping` sets for each attempt. */
interface KeepingPut extends Omit<Put, 'keptHeader' | 'newLife' | 'mayHaveCommitted' | 'now'> {
  priorAttempt?: PriorAttempt
}

/** Writes the record as `putRecord` does, and first keeps its current version if the rules ask for it. */
export async function putKeeping({ store, clock }: StoreContext, put: KeepingPut, call: StoreCall): Promise<PutResult> {
  const { record, precondition, keepVersions, defaultKeepVersions, priorAttempt } = put
  // Random, not the key id: otherwise a call that is retried after a delete would begin a new life under the id of the
  // ended one.
  const newLife = newLifeId()
  const attempt = async (keptHeader?: Buffer): Promise<PutResult | undefined> => {
    const prior = priorAttempt?.isRetry ? await priorAttempt.outcome(call) : noPriorAttempt
    if (prior.answer) return { ...prior.answer, change: undefined }
    const { mayHaveCommitted } = prior
    const terms = { precondition, keepVersions, defaultKeepVersions, keptHeader, newLife, mayHaveCommitted }
    return store.putRecord({ record, now: clock.forRefusing(), ...terms }, call)
  }
  const result = await attempt()
  if (result) return result
  return retryOnConflict(async () => {
    const keptHeader = await keepCurrent(store, record.recordId, call)
    return (await attempt(keptHeader)) ?? conflict
  }, call)
}

async function keepCurrent(store: Store, recordId: Buffer, call: StoreCall): Promise<Buffer | undefined> {
  const current = await store.getRecord(recordId, call)
  if (current === undefined) return undefined
  await store.putVersion({ ...current, lifeId: lifeOf(current) }, call)
  return headerOf(current)
}

/** The version of that number, if it is the current or a kept one and has not expired. */
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

async function listKept(store: Store, current: SealedRecord, call: StoreCall): Promise<SealedRecord[]> {
  if (current.keptVersions === 0) return []
  const life = { lifeId: lifeOf(current), below: current.version }
  const versions = await store.listVersions({ recordId: current.recordId, life }, call)
  return versions.filter((version) => isKept(version, current))
}

/** The current and the kept versions, newest first, without those that have expired; envelopes cut to their header. */
export async function listVersions(
  store: Store,
  { current, now }: { current: SealedRecord; now: Date },
  call: StoreCall,
): Promise<SealedRecord[]> {
  const kept = await listKept(store, current, call)
  const listed = kept.filter((version) => !isExpired(version, now))
  return [cutToHeader(current), ...listed.reverse()]
}

/**
 * True if the current or a kept version has this part set. Expiry does not count: an expired version refers to its parts
 * until it is removed. Throws RECORD_CORRUPT when a damaged version may have it.
 */
export async function refersTo(store: Store, { recordId, setId }: PartSet, call: StoreCall): Promise<boolean> {
  const hasSet = (version: SealedRecord) => partSetOfRecord(version).setId.equals(setId)
  const current = await store.getRecordHeader(recordId, call)
  if (current === undefined) return false
  if (hasSet(current)) return true
  const kept = await listKept(store, current, call)
  if (kept.some(hasSet)) return true
  if (kept.some(isUnreadable)) throw new VaultError('RECORD_CORRUPT', { cause: 'a kept version' })
  return false
}

/** A damaged version is listed without its envelope. */
function isUnreadable({ envelope }: SealedRecord): boolean {
  return envelope.length === 0
}
