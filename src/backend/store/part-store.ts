// The interface of an engine for parts of large records. Parts are written before their record and read through it. An
// engine keeps bytes and knows nothing of records; test/part-store.contract.ts tests any engine against this file.
import type { StoreCall } from './store.js'

/** The parts that one attempt of a write has stored for a record. */
export interface PartSet {
  recordId: Buffer
  /** 16 bytes: the record's part set id, or its key id if it has none. */
  setId: Buffer
}

/** One part and its contents. */
export interface Part extends PartSet {
  partNumber: number
  data: Buffer
}

/** A byte range of one part. */
export interface PartPiece extends PartSet {
  partNumber: number
  /** The first byte. */
  offset: number
  /** In bytes; 0: to the end of the part. */
  length: number
}

/** The state of a set without a gap. */
export interface PartSetState {
  /** The set has exactly parts 0 to count - 1. */
  count: number
  /** When part 0 was written. */
  begun: Date
}

/** An engine for parts. An answered write is durable. Methods reject with VaultError, as those of a Store do. */
export interface PartStore {
  /** Writes a part. The same part again is a success if its bytes are the same, and ALREADY_EXISTS otherwise. */
  put(part: Part, call: StoreCall): Promise<void>
  /** Reads a piece; undefined when there is no such part. RANGE_PAST_END when the part has fewer bytes. */
  get(piece: PartPiece, call: StoreCall): Promise<Buffer | undefined>
  /** Undefined when the set has no part, or a gap. Reads no part. */
  state(set: PartSet, call: StoreCall): Promise<PartSetState | undefined>
  /** A time after which no part of the set was written; undefined when it has none. May look at each part. */
  newest(set: PartSet, call: StoreCall): Promise<Date | undefined>
  /** All sets in any order, read on demand. Sets that appear or disappear meanwhile may be missing. */
  sets(call: StoreCall): AsyncIterable<PartSet>
  /** Removes all parts of a set; an absent set is a success. */
  remove(set: PartSet, call: StoreCall): Promise<void>
  /** Finishes the writes under way and refuses all later calls. */
  close(): Promise<void>
}
