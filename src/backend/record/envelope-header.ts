// The header of an envelope (docs/crypto.md), as far as the back end reads it: magic, format version and key id.
import { envelopeHeaderBytes, tagBytes } from '../../core/envelope-sizes.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'

/** The size of the shortest envelope: the header and the tag of one empty chunk. */
export const minEnvelopeBytes = envelopeHeaderBytes + tagBytes
/** The size of the longest envelope in one message. */
export const maxEnvelopeBytes = 4 * 1024 * 1024

const magic = Buffer.from('52564c54', 'hex')
const formatVersion = 1

/** True if the bytes begin as an envelope of format version 1 does. */
export function isEnvelopeV1(envelope: Buffer): boolean {
  return envelope.subarray(0, 4).equals(magic) && envelope[4] === formatVersion
}

/** The key id of the envelope, which is the record's etag: a view, not a copy. */
export function keyIdOf({ envelope }: SealedRecord): Buffer {
  return envelope.subarray(8, 24)
}

/** The header of the envelope, which one attempt of a write alone has: a view, not a copy. */
export function headerOf({ envelope }: SealedRecord): Buffer {
  return envelope.subarray(0, envelopeHeaderBytes)
}

/** The record with its envelope cut to the header, as lists return it. */
export function cutToHeader(record: SealedRecord): SealedRecord {
  // A copy: a view of the header would keep megabytes of envelope in memory for as long as the page.
  return { ...record, envelope: Buffer.from(headerOf(record)) }
}
