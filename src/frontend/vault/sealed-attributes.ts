// The canonical encoding of a record's attributes and expiry, for the attributes field of its entry. Each value has exactly
// one encoding: labels are in the order of their bytes, and empty attributes encode to nothing. Any other encoding in an
// opened entry is refused.
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { noBytes } from '../../core/frame.js'
import { RecordAttributes } from '../../gen/encserver/v1/frontend.js'
import { SealedAttributes } from '../../gen/encserver/v1/sealed.js'
import { corrupt, mismatch } from '../crypto/errors.js'
import { macSize } from '../crypto/hmac.js'

/** The protobuf tag of SealedAttributes.attributes: field 1, length-delimited. */
const attributesTag = 0x0a

/** The attributes without expiry, whose size counts against the limit; empty for empty attributes. */
export function encodeAttributes({ contentType, labels }: RecordAttributes): Buffer {
  const ordered = Object.entries(labels).toSorted(([one], [other]) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)),
  )
  // One message for each label, since an object has an order of its own. Concatenated messages are one message.
  const messages = [
    { contentType, labels: {} },
    ...ordered.map(([key, value]) => ({ contentType: '', labels: { [key]: value } })),
  ]
  return Buffer.concat(messages.map((message) => RecordAttributes.encode(message).finish()))
}

/** A write digest and the commitment beside it; a write whose caller brought no secret has neither. */
export type WriteProof = Pick<SealedAttributes, 'writeDigest' | 'envelopeCommitment'>

/** For a write whose caller brought no secret. */
export const noProof: WriteProof = { writeDigest: noBytes, envelopeCommitment: noBytes }

/** Attributes, expiry and proof, as an entry holds them. */
export function encodeSealedAttributes(
  { attributes, expireTime }: Pick<SealedAttributes, 'attributes' | 'expireTime'>,
  proof: WriteProof,
): Buffer {
  if (attributes === undefined && expireTime === undefined && proof.writeDigest.length === 0) return noBytes
  const encoded = attributes === undefined ? noBytes : encodeAttributes(attributes)
  const writer = new BinaryWriter()
  if (encoded.length > 0) writer.uint32(attributesTag).bytes(encoded)
  return Buffer.from(SealedAttributes.encode({ attributes: undefined, expireTime, ...proof }, writer).finish())
}

/**
 * Attributes, expiry and proof of an opened entry. Throws RECORD_CORRUPT for bytes that `encodeSealedAttributes` cannot make,
 * and RECORD_KEY_MISMATCH for the entry of another envelope than the one with this commitment.
 */
export function decodeSealedAttributes(bytes: Buffer, commitment: Buffer): SealedAttributes {
  if (bytes.length === 0) return SealedAttributes.create()
  const sealed = orCorrupt(() => SealedAttributes.decode(bytes))
  if (!isProof(sealed)) throw corrupt('write digest')
  if (!orCorrupt(() => encodeSealedAttributes(sealed, proofOf(sealed))).equals(bytes)) throw corrupt('attributes')
  const { envelopeCommitment } = sealed
  const isBound = envelopeCommitment.length > 0
  if (isBound && !envelopeCommitment.equals(commitment)) throw mismatch('the entry of another envelope')
  return sealed
}

function proofOf({ writeDigest, envelopeCommitment }: SealedAttributes): WriteProof {
  return { writeDigest, envelopeCommitment }
}

/** True for no digest, and for one of the right size with or without a commitment. */
function isProof({ writeDigest, envelopeCommitment }: WriteProof): boolean {
  if (writeDigest.length === 0) return envelopeCommitment.length === 0
  return writeDigest.length === macSize && [0, macSize].includes(envelopeCommitment.length)
}

/** Throws RECORD_CORRUPT if `work` throws: some bytes are no message, and some times cannot be encoded again. */
function orCorrupt<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw corrupt(`attributes: ${cause}`)
  }
}
