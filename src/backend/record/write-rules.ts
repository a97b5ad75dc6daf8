// The rules of a write: every engine decides a put or a delete here, against the current row. The etag is the
// envelope's key id; the version number is for people and decides nothing.
import { invalidField, VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { DeleteTarget, Put, WriteAnswer } from '../store/store.js'
import { cutToHeader, headerOf, keyIdOf } from './envelope-header.js'
import { isExpired } from './expiry.js'

/** The answer to a write, and the row that must be stored before it is given. */
export interface WriteDecision extends WriteAnswer {
  /** Undefined if the store knows the key id already. */
  next: SealedRecord | undefined
}

// A front end retries a write for as long as its caller waits; more writes than this seldom come in between.
const rememberedKeyIds = 4

/**
 * The row, if it belongs to this life of the user. A row of another life is dead and counts as absent until it is
 * swept.
 */
function owned(row: SealedRecord | undefined, userUid: Buffer): SealedRecord | undefined {
  return row?.userUid.equals(userUid) ? row : undefined
}

function checkPrecondition({ precondition, mayHaveCommitted }: Put, current: SealedRecord | undefined): void {
  const { condition } = precondition ?? {}
  const isExpected = condition?.$case === 'keyId' && current && keyIdOf(current).equals(condition.value)
  if (isExpected) return
  if (mayHaveCommitted) throw new VaultError('OUTCOME_UNKNOWN')
  if (condition?.$case === 'absent' && current !== undefined) throw new VaultError('ALREADY_EXISTS')
  if (condition?.$case === 'keyId') throw new VaultError('PRECONDITION_FAILED')
}

/**
 * Decides a write; undefined when the current version must be kept before it is replaced. Throws ALREADY_EXISTS or
 * PRECONDITION_FAILED when the precondition does not hold, INVALID_REQUEST when the record has expired already, and
 * OUTCOME_UNKNOWN in place of these when a prior attempt may have committed.
 */
export function decideWrite(row: SealedRecord | undefined, put: Put): WriteDecision | undefined {
  const { record, now } = put
  const own = owned(row, record.userUid)
  // This comes before the checks: they would fail because of the prior attempt's own change, or because the record has
  // expired since.
  const prior = priorAnswer(own, record)
  if (prior) return { ...prior, next: undefined }
  if (isExpired(record, now)) throw expiredError(put)
  const current = own && !isExpired(own, now) ? own : undefined
  checkPrecondition(put, current)
  if (current === undefined) return decisionOf(firstVersion(put))
  const keep = versionsToKeep(current, put)
  if (keep > 1 && !put.keptHeader?.equals(headerOf(current))) return undefined
  return decisionOf(successor(current, put, keep))
}

/** INVALID_REQUEST, unless a prior attempt may have committed: that attempt may have arrived before the expiry. */
function expiredError({ mayHaveCommitted }: Put): VaultError {
  if (mayHaveCommitted) return new VaultError('OUTCOME_UNKNOWN')
  return invalidField('record.expire_time', 'must be in the future')
}

function decisionOf(next: SealedRecord): WriteDecision {
  return { stored: { version: next.version, storeTime: next.storeTime }, known: undefined, next }
}

/** How many versions to keep, the new one included. A write without a number does not lower the record's own. */
function versionsToKeep(current: SealedRecord, { keepVersions, defaultKeepVersions }: Put): number {
  return keepVersions || current.keepVersions || Math.max(defaultKeepVersions, current.keptVersions + 1)
}

/** The first version of a life. */
function firstVersion({ record, keepVersions, newLife }: Put): SealedRecord {
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

/**
 * The answer to a write whose key id the row remembers. An equal header is that of the same attempt. Another attempt under the
 * key id may be a repeat by the caller or another write; only the front end can tell, so it gets the row (`known`).
 */
export function priorAnswer(row: SealedRecord | undefined, record: SealedRecord): WriteAnswer | undefined {
  const own = owned(row, record.userUid)
  if (own === undefined) return undefined
  const keyId = keyIdOf(record)
  const { version, storeTime, replacedKeyIds } = own
  if (keyIdOf(own).equals(keyId)) {
    const isSameAttempt = headerOf(own).equals(headerOf(record))
    const known = isSameAttempt ? undefined : { record: { ...cutToHeader(own), recordId: record.recordId } }
    return { stored: { version, storeTime }, known }
  }
  const age = replacedKeyIds.findIndex((replaced) => replaced.equals(keyId))
  return age < 0
    ? undefined
    : { stored: { version: version - BigInt(age + 1), storeTime }, known: { record: undefined } }
}

/** True if a write since then may have committed and more writes have followed than the row remembers. */
export function mayHaveForgotten({ replacedKeyIds, storeTime }: SealedRecord, since: Date): boolean {
  return replacedKeyIds.length >= rememberedKeyIds && (storeTime === undefined || storeTime >= since)
}

/** The id of the life that a version belongs to. */
export function lifeOf(version: SealedRecord): Buffer {
  // Rows from before versions existed have no life id. No version of that life was ever kept, so any id will do.
  return version.lifeId.length > 0 ? version.lifeId : Buffer.from(keyIdOf(version))
}

/** The key ids of the row and of the versions before it that it remembers, newest first. */
function keyIdsOf(row: SealedRecord): Buffer[] {
  return [Buffer.from(keyIdOf(row)), ...row.replacedKeyIds]
}

/** True if there is a record to delete; throws PRECONDITION_FAILED when its key id is not the expected one. */
export function decideDelete(row: SealedRecord | undefined, { userUid, expectKeyId, now }: DeleteTarget): boolean {
  const current = owned(row, userUid)
  if (current === undefined || (now && isExpired(current, now))) return false
  if (expectKeyId && !keyIdOf(current).equals(expectKeyId)) throw new VaultError('PRECONDITION_FAILED')
  return true
}
