// All that the back end knows of an envelope (docs/crypto.md): how it begins, where its key id is, how long its header is.
import { envelopeHeaderBytes, tagBytes } from '../../core/envelope-sizes.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'

/** The header and the tag of one empty chunk. */
export const minEnvelopeBytes = envelopeHeaderBytes + tagBytes
export const maxEnvelopeBytes = 4 * 1024 * 1024

const magic = Buffer.from('52564c54', 'hex')
const formatVersion = 1

export function isEnvelopeV1(envelope: Buffer): boolean {
  return envelope.subarray(0, 4).equals(magic) && envelope[4] === formatVersion
}

/** The etag of a record. */
export function keyIdOf({ envelope }: SealedRecord): Buffer {
  return envelope.subarray(8, 24)
}

/** The record as lists show it. */
export function cutToHeader(record: SealedRecord): SealedRecord {
  // A copy: a view of the header would keep megabytes of envelope alive for as long as the page is.
  return { ...record, envelope: Buffer.from(record.envelope.subarray(0, envelopeHeaderBytes)) }
}
