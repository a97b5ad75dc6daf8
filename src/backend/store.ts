// What the back end needs of a database. Every operation touches one document, so an engine needs no transactions;
// test/store.contract.ts is this file as a test suite.
import type { Reason } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { SealedRecord, StoredEnvelope, UserDocument } from '../gen/encserver/v1/backend.js'
import type { Precondition } from '../gen/encserver/v1/frontend.js'

/**
 * For whom the store works. A call that has ended is refused with DEADLINE_EXCEEDED or CANCELLED before it starts; one
 * that ends later may still take effect.
 */
export type StoreCall = Pick<CallContext, 'deadline' | 'signal'>

export interface StoreMeta {
  /** The number of the store's layout. */
  format: number
  /** The keyring bound to this store; undefined when none is. */
  keyringId: Buffer | undefined
  /** No keyring, user or record is there. */
  empty: boolean
}

/** A record of one life of its user, and of one version if `expectKeyId` is set. */
export interface DeleteTarget {
  recordId: Buffer
  userUid: Buffer
  expectKeyId: Buffer | undefined
}

/** Where a page begins and ends. */
export interface RecordRange {
  userPseudonym: Buffer
  /** Rows of another life of the user are left out. */
  userUid: Buffer
  /** The `next` of the page before; undefined for the first. */
  after: Buffer | undefined
  limit: number
  /** The page ends before the record that would exceed this (record-page.ts), but holds at least one. */
  maxBytes: number
}

export interface RecordPage {
  /** In the engine's order, envelopes cut to their header. */
  records: SealedRecord[]
  /** Undefined on the last page. A page may be empty and still have a next one. */
  next: Buffer | undefined
}

/** Ready for writes, or the reason it is not; the store then works on becoming ready by itself. */
export type StoreHealth = 'ready' | Extract<Reason, 'STORE_FULL' | 'STORE_UNAVAILABLE'>

/**
 * What was answered is durable. Methods reject with VaultError: STORE_FULL and STORE_UNAVAILABLE come from any of them,
 * OVERLOADED from any that would have to wait too long, RECORD_CORRUPT from reads.
 */
export interface Store {
  meta(call: StoreCall): Promise<StoreMeta>
  /** Binds the keyring if none is bound; returns the one bound now. */
  bindKeyring(keyringId: Buffer, call: StoreCall): Promise<Buffer>
  getUser(userPseudonym: Buffer, call: StoreCall): Promise<UserDocument | undefined>
  /** Inserts the user if there is none of that pseudonym; returns the one that is there now. */
  insertUser(user: UserDocument, call: StoreCall): Promise<UserDocument>
  getRecord(recordId: Buffer, call: StoreCall): Promise<SealedRecord | undefined>
  /** Replaces the record by the rules of write-rules.ts, with the `storeTime` it brings and a version of the store's. */
  putRecord(record: SealedRecord, precondition: Precondition | undefined, call: StoreCall): Promise<StoredEnvelope>
  /** Returns whether there was one. Rejects with PRECONDITION_FAILED when another version is there. */
  deleteRecord(target: DeleteTarget, call: StoreCall): Promise<boolean>
  /** A record that exists throughout a walk from page to page appears in it exactly once. */
  listRecords(range: RecordRange, call: StoreCall): Promise<RecordPage>
  health(): StoreHealth
  /** Calls the listener on each change, until the returned function is called. */
  onHealth(listener: (health: StoreHealth) => void): () => void
  /** Finishes the writes under way and refuses everything after. */
  close(): Promise<void>
}
