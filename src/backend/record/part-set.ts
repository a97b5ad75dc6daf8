// The part set of a record: which parts in the part store are its own. Each attempt of a write names a set of its own, so the
// parts of an attempt that lost can be removed while those of the winner, under the same key id, stay.
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { PartSet } from '../store/part-store.js'
import { keyIdOf } from './envelope-header.js'

/** The fields of a message that name a part set. */
export interface PartSetFields {
  recordId: Buffer
  keyId: Buffer
  /** Empty: the key id names the set. */
  partSetId: Buffer
}

/** The set that a message names. */
export function partSetNamed({ recordId, keyId, partSetId }: PartSetFields): PartSet {
  return { recordId, setId: partSetId.length > 0 ? partSetId : keyId }
}

/** The set of a record or of a kept version; its ids are views, not copies. */
export function partSetOfRecord(record: SealedRecord): PartSet {
  return partSetNamed({ recordId: record.recordId, keyId: keyIdOf(record), partSetId: record.partSetId })
}
