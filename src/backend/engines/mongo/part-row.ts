// The documents of parts in MongoDB. The `_id` of a part has the names of store/part-key.ts, with a dot before the set
// id and before the number: so a set is one range, the sets of a user are one range, and a sharded collection splits as
// the records do.
import { partNumberText, partSetNames, partSetOf } from '../../store/part-key.js'
import type { PartSet } from '../../store/part-store.js'

/** A document of the collection `parts`. */
export interface PartRow {
  _id: string
  storeTime: Date
  data: Buffer
}

const pseudonymSymbols = 48
const separator = '.'
const afterSeparator = '/' // the next character

function setId(set: PartSet): string {
  const [user, record, setId] = partSetNames(set)
  return `${user}${record}${separator}${setId}`
}

/** The `_id` of a part. */
export function partId(set: PartSet, partNumber: number): string {
  return `${setId(set)}${separator}${partNumberText(partNumber)}`
}

/** The ids of the parts of a set. */
export function setRange(set: PartSet): { $gt: string; $lt: string } {
  const id = setId(set)
  return { $gt: id + separator, $lt: id + afterSeparator }
}

/** An id that sorts after the parts of a set, and before those of the next set. */
export function idAfterSet(set: PartSet): string {
  return setId(set) + afterSeparator
}

/** The set of a part's `_id`. */
export function setOf(id: string): PartSet {
  const [pseudonyms = '', setText = ''] = id.split(separator)
  return partSetOf([pseudonyms.slice(0, pseudonymSymbols), pseudonyms.slice(pseudonymSymbols), setText])
}
