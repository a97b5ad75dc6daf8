// What the back end needs of a database. Every operation touches one document, so an engine needs no transactions;
// test/store.contract.ts and test/life.contract.ts are this file as a test suite. Engines read no clock: what time it is, they are told.
import type { Reason } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { SealedRecord, StoredEnvelope, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { Precondition } from '../../gen/encserver/v1/frontend.js'

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

/** A write of a record, with the `storeTime` it brings; the rules set what else the back end sets. */
export interface Put {
  record: SealedRecord
  precondition: Precondition | undefined
  /** How many versions there are to be, this one included; 0: as many as the record was told (write-rules.ts). */
  keepVersions: number
  /** For a record that was never told. */
  defaultKeepVersions: number
  /** The version that `putVersion` has kept for this write. */
  keptKeyId: Buffer | undefined
  /** Names the life that the write begins, if it begins one: 16 bytes that never name another. */
  newLife: Buffer
  /** An earlier try may have written it though the row does not know, so it is not to be written anew (earlier-try.ts). */
  perhapsDone: boolean
  /** Rows that have expired by then count as absent. */
  now: Date
}

/** Rows with their envelopes, or with their headers alone. */
export interface Replacement {
  /** Undefined when there was none, or a damaged one. */
  from: SealedRecord | undefined
  to: SealedRecord
}

export interface Written {
  stored: StoredEnvelope
  /** What this call changed; undefined when it was done already. */
  change: Replacement | undefined
}

/** A record of one life of its user, and of one version if `expectKeyId` is set. */
export interface DeleteTarget {
  recordId: Buffer
  userUid: Buffer
  expectKeyId: Buffer | undefined
  /** A row that has expired by then counts as absent; undefined: none has. */
  now: Date | undefined
}

export interface DeletesNote {
  userPseudonym: Buffer
  until: Date
  /** A time after this is not believed, nor is a damaged note: it is written over. */
  latest: Date
}

/** The last there is. */
export const endOfTime = new Date(8.64e15)

/** Where a page begins and ends. */
export interface RecordRange {
  userPseudonym: Buffer
  /** Rows of another life of the user are left out. */
  userUid: Buffer
  /** Rows that have expired by then are left out. */
  now: Date
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

/** One kept version. */
export interface VersionId {
  recordId: Buffer
  lifeId: Buffer
  version: bigint
}

/** Kept versions of a record, or of one life of it, with numbers below one. */
export interface VersionRange {
  recordId: Buffer
  life?: { lifeId: Buffer; below: bigint }
}

/** A record of which something expires. */
export interface Due {
  recordId: Buffer
  /** The engine's own mark. */
  mark: Buffer
}

/** Records with kept versions, dead ones as well. */
export interface VersionedPage {
  recordIds: Buffer[]
  /** Undefined on the last page. */
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
  /** Notes that records of the user are deleted until then, unless a later time is noted. */
  noteDeletes(note: DeletesNote, call: StoreCall): Promise<void>
  /** The time that is noted, if any; `endOfTime` for a damaged note. */
  deletesUntil(userPseudonym: Buffer, call: StoreCall): Promise<Date | undefined>
  /** The row as it is, expired or not. */
  getRecord(recordId: Buffer, call: StoreCall): Promise<SealedRecord | undefined>
  /** As getRecord, with the envelope cut to its header. */
  getRecordHeader(recordId: Buffer, call: StoreCall): Promise<SealedRecord | undefined>
  /**
   * Replaces the record by the rules of write-rules.ts. Undefined: nothing was written, because the current version has
   * to be kept first (versions.ts).
   */
  putRecord(put: Put, call: StoreCall): Promise<Written | undefined>
  /** Returns what it has removed, if anything. Rejects with PRECONDITION_FAILED when another version is there. */
  deleteRecord(target: DeleteTarget, call: StoreCall): Promise<SealedRecord | undefined>
  /** A record that exists throughout a walk from page to page appears in it exactly once. */
  listRecords(range: RecordRange, call: StoreCall): Promise<RecordPage>
  /** Keeps a version under its record, life and number; the same again changes nothing. */
  putVersion(version: SealedRecord, call: StoreCall): Promise<void>
  getVersion(id: VersionId, call: StoreCall): Promise<SealedRecord | undefined>
  /** By life, then by number; envelopes cut to their header. */
  listVersions(range: VersionRange, call: StoreCall): Promise<SealedRecord[]>
  /** Takes what `listVersions` gave; one that is not there is none. */
  removeVersion(version: SealedRecord, call: StoreCall): Promise<void>
  /** Reads about `limit` kept versions, those after the `next` of the page before. */
  versionedRecords(page: { after: Buffer | undefined; limit: number }, call: StoreCall): Promise<VersionedPage>
  /** Records whose row or a kept version expires by then, the earliest first; some may not any more. */
  expired(query: { by: Date; limit: number }, call: StoreCall): Promise<Due[]>
  /** What had expired of it is gone: it is not told again. */
  settled(due: Due, call: StoreCall): Promise<void>
  health(): StoreHealth
  /** Calls the listener on each change, until the returned function is called. */
  onHealth(listener: (health: StoreHealth) => void): () => void
  /** Finishes the writes under way and refuses everything after. */
  close(): Promise<void>
}
