// The interface of a storage engine. Every operation touches one document, so an engine needs no transactions. Engines
// read no clock; callers pass the time. test/store.contract.ts and test/life.contract.ts test any engine against this
// file.
import type { Clock } from '../../core/clock.js'
import type { Reason } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { SealedRecord, StoredEnvelope, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { Precondition } from '../../gen/encserver/v1/frontend.js'

/**
 * The deadline and the signal of the caller. The store refuses a call that has ended with DEADLINE_EXCEEDED or
 * CANCELLED; a call that ends later may still take effect.
 */
export type StoreCall = Pick<CallContext, 'deadline' | 'signal'>

/** A store, and the clock that decides what has expired in it. */
export interface StoreContext {
  store: Store
  clock: Clock
}

/** The properties of a whole store. */
export interface StoreMeta {
  /** The format number of the store (format.ts). */
  format: number
  /** The keyring bound to this store; undefined when none is. */
  keyringId: Buffer | undefined
  /** The checks of the keys bound to this store (key-checks.ts), ascending. */
  keyChecks: Buffer[]
  /** True if the store has no keyring, no user and no record. */
  empty: boolean
}

/** A write of a record. The record brings its `storeTime`; write-rules.ts sets the other fields of the back end. */
export interface Put {
  record: SealedRecord
  precondition: Precondition | undefined
  /** How many versions to keep, this one included; 0: the record's own number (write-rules.ts). */
  keepVersions: number
  /** The number for a record without its own. */
  defaultKeepVersions: number
  /** The envelope header of the version that `putVersion` has kept for this write. */
  keptHeader: Buffer | undefined
  /** The id of the life that the write may begin: 16 bytes, never used before. */
  newLife: Buffer
  /** A prior attempt may have committed although the row does not show it (record/idempotency.ts). */
  mayHaveCommitted: boolean
  /** Rows that have expired by now count as absent. */
  now: Date
}

/** A change of a row. Both rows have their envelopes, or only the headers of these. */
export interface Replacement {
  /** Undefined when the row was absent or damaged. */
  from: SealedRecord | undefined
  to: SealedRecord
}

/** The answer to a write. */
export interface WriteAnswer {
  /** The version that has the key id of the record. */
  stored: StoredEnvelope
  /** Set when another attempt has written that version, or when it is not the current one; nothing was written then. */
  known: KnownWrite | undefined
}

/** A stored write that has the key id of another one. */
export interface KnownWrite {
  /** The row, its envelope cut to the header; undefined when another write has replaced it. */
  record: SealedRecord | undefined
}

/** The result of a write. */
export interface PutResult extends WriteAnswer {
  /** Undefined when a prior attempt had stored the record and this call changed nothing. */
  change: Replacement | undefined
}

/** The record to delete: of one life of its user, and of one version if `expectKeyId` is set. */
export interface DeleteTarget {
  recordId: Buffer
  userUid: Buffer
  expectKeyId: Buffer | undefined
  /** A row that has expired by now counts as absent; undefined: expiry does not matter. */
  now: Date | undefined
}

/** A new delete watermark of a user (record/delete-watermark.ts). */
export interface DeleteWatermark {
  userPseudonym: Buffer
  until: Date
  /** A stored watermark after this time, or a damaged one, is wrong and is overwritten. */
  maxUntil: Date
}

/** The last time of a Date. */
export const endOfTime = new Date(8.64e15)

/** The range of one page of a list. */
export interface RecordRange {
  userPseudonym: Buffer
  /** Rows of another life of the user are left out. */
  userUid: Buffer
  /** Rows that have expired by now are left out. */
  now: Date
  /** The `next` of the previous page; undefined for the first. */
  after: Buffer | undefined
  limit: number
  /** The page ends before the record that would exceed this size (page-builder.ts), but has at least one record. */
  maxBytes: number
}

/** One page of a list. */
export interface RecordPage {
  /** In the engine's order, envelopes cut to their headers. */
  records: SealedRecord[]
  /** Undefined on the last page. An empty page may have a next one. */
  next: Buffer | undefined
}

/** The key of a kept version. */
export interface VersionId {
  recordId: Buffer
  lifeId: Buffer
  version: bigint
}

/** Kept versions of a record, or those of one life with a number below `below`. */
export interface VersionRange {
  recordId: Buffer
  life?: { lifeId: Buffer; below: bigint }
}

/** A record whose row or a kept version expires. */
export interface DueRecord {
  recordId: Buffer
  /** The engine's own key for the entry. */
  mark: Buffer
}

/** Records with kept versions, dead versions included. */
export interface VersionedPage {
  recordIds: Buffer[]
  /** Undefined on the last page. */
  next: Buffer | undefined
}

/** Ready for writes, or the reason why not. A store that is not ready recovers by itself when it can. */
export type StoreHealth = 'ready' | Extract<Reason, 'STORE_FULL' | 'STORE_UNAVAILABLE'>

/**
 * A storage engine. An answered write is durable. Methods reject with VaultError: STORE_FULL and STORE_UNAVAILABLE come
 * from any of them, OVERLOADED from any whose queue is full, RECORD_CORRUPT from reads.
 */
export interface Store {
  meta(call: StoreCall): Promise<StoreMeta>
  /** Binds the keyring if none is bound; returns the one bound now. */
  bindKeyring(keyringId: Buffer, call: StoreCall): Promise<Buffer>
  /** Binds all of the checks, or none if one must not be bound (key-checks.ts); returns all that are bound now. */
  bindKeyChecks(keyChecks: Buffer[], call: StoreCall): Promise<Buffer[]>
  getUser(userPseudonym: Buffer, call: StoreCall): Promise<UserDocument | undefined>
  /** Inserts the user if its pseudonym is free; returns the user stored now. */
  insertUser(user: UserDocument, call: StoreCall): Promise<UserDocument>
  /** Raises the user's delete watermark; a later one stays, unless it is after `maxUntil`. */
  raiseDeleteWatermark(note: DeleteWatermark, call: StoreCall): Promise<void>
  /** The user's delete watermark, if any; `endOfTime` for a damaged one. */
  getDeleteWatermark(userPseudonym: Buffer, call: StoreCall): Promise<Date | undefined>
  /** The row, expired or not. */
  getRecord(recordId: Buffer, call: StoreCall): Promise<SealedRecord | undefined>
  /** As getRecord, with the envelope cut to its header. */
  getRecordHeader(recordId: Buffer, call: StoreCall): Promise<SealedRecord | undefined>
  /**
   * Writes the record by the rules of write-rules.ts. Undefined: nothing was written, because the current version must
   * be kept first (versions.ts).
   */
  putRecord(put: Put, call: StoreCall): Promise<PutResult | undefined>
  /** Returns the removed row, if any. Rejects with PRECONDITION_FAILED when the row has another key id. */
  deleteRecord(target: DeleteTarget, call: StoreCall): Promise<SealedRecord | undefined>
  /** A record that exists during a whole walk through the pages appears in it exactly once. */
  listRecords(range: RecordRange, call: StoreCall): Promise<RecordPage>
  /** Keeps a version under its record, life and number; a repetition changes nothing. */
  putVersion(version: SealedRecord, call: StoreCall): Promise<void>
  getVersion(id: VersionId, call: StoreCall): Promise<SealedRecord | undefined>
  /** Ordered by life, then by number; envelopes cut to their headers. */
  listVersions(range: VersionRange, call: StoreCall): Promise<SealedRecord[]>
  /** Removes a version that `listVersions` returned; an absent one is a success. */
  removeVersion(version: SealedRecord, call: StoreCall): Promise<void>
  /** The records of about `limit` kept versions, from `after`, which is the `next` of the previous page. */
  versionedRecords(page: { after: Buffer | undefined; limit: number }, call: StoreCall): Promise<VersionedPage>
  /** Records with something that expires by then, earliest first; a few entries may be out of date. */
  listDue(query: { by: Date; limit: number }, call: StoreCall): Promise<DueRecord[]>
  /** Removes an entry of `listDue`, after the expired row or version has been removed. */
  clearDue(due: DueRecord, call: StoreCall): Promise<void>
  health(): StoreHealth
  /** Calls the listener on each change, until the returned function is called. */
  onHealth(listener: (health: StoreHealth) => void): () => void
  /** Finishes the writes under way and refuses all later calls. */
  close(): Promise<void>
}
