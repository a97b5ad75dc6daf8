// How parts lie in MongoDB. A part's `_id` is the text of its record's id, of its key id and of its number, each of one
// length: so a set is a range, all sets of a user are one, and the collection is sharded as the records are.

import type { PartSet } from '../../store/part-store.js'
import { idText } from './documents.js'

export interface PartRow {
  _id: string
  storeTime: Date
  data: Buffer
}

const recordText = 96
const keyIdText = 32
const numberText = 5 // hex digits
const separator = '.'
const afterSeparator = '/' // the next symbol

function setText({ recordId, keyId }: PartSet): string {
  return `${idText(recordId)}${separator}${keyId.toString('hex')}`
}

export function partText(set: PartSet, partNumber: number): string {
  return `${setText(set)}${separator}${partNumber.toString(16).padStart(numberText, '0')}`
}

export function rangeOf(set: PartSet): { $gt: string; $lt: string } {
  const text = setText(set)
  return { $gt: text + separator, $lt: text + afterSeparator }
}

export function setOf(id: string): PartSet {
  const keyIdAt = recordText + separator.length
  return {
    recordId: Buffer.from(id.slice(0, recordText), 'base64url'),
    keyId: Buffer.from(id.slice(keyIdAt, keyIdAt + keyIdText), 'hex'),
  }
}

/** What is behind all parts of a set, and before those of the next. */
export function afterSet(set: PartSet): string {
  return setText(set) + afterSeparator
}
