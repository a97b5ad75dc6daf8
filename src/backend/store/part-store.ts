// What the back end needs to keep parts of large records. A part set is what one envelope's key id names; parts are
// written before their record and read through it. An engine keeps bytes and knows nothing of records;
// test/part-store.contract.ts is this file as a test suite.
import type { StoreCall } from './store.js'

/** The parts of one version of a record. */
export interface PartSet {
  recordId: Buffer
  keyId: Buffer
}

export interface Part extends PartSet {
  partNumber: number
  data: Buffer
}

export interface PartPiece extends PartSet {
  partNumber: number
  /** The first byte wanted. */
  offset: number
  /** 0: to the end of the part. */
  length: number
}

/** A set without a gap. */
export interface PartSetState {
  /** Parts 0 to count - 1 are there, and none above. */
  count: number
  /** When part 0 was written. */
  begun: Date
}

/** What was answered is durable. Methods reject with VaultError, as those of a Store do. */
export interface PartStore {
  /** A part that is there already is a success when it has the same bytes, and ALREADY_EXISTS otherwise. */
  put(part: Part, call: StoreCall): Promise<void>
  /** Undefined when there is no such part; RANGE_PAST_END when it has fewer bytes. */
  get(piece: PartPiece, call: StoreCall): Promise<Buffer | undefined>
  /** Undefined when there is no part of that set, or a gap. No part is read for it. */
  state(set: PartSet, call: StoreCall): Promise<PartSetState | undefined>
  /** A time after which no part of that set was written; undefined when there is none. May cost a look at each part. */
  newest(set: PartSet, call: StoreCall): Promise<Date | undefined>
  /** All sets there are, in no order, read as they are asked for; sets that come or go meanwhile may be left out. */
  sets(call: StoreCall): AsyncIterable<PartSet>
  /** Removes all parts of a set; that there is none is a success. */
  remove(set: PartSet, call: StoreCall): Promise<void>
  /** Finishes the writes under way and refuses everything after. */
  close(): Promise<void>
}
