// What the attributes field of an entry holds: what the caller said of the record, and when it expires. One spelling for
// one meaning, and nothing at all for an empty one: labels are in the order of their bytes, and whatever an opened entry
// holds beside that is refused.
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { noBytes } from '../../core/frame.js'
import { RecordAttributes } from '../../gen/encserver/v1/frontend.js'
import { SealedAttributes } from '../../gen/encserver/v1/sealed.js'
import { corrupt } from '../crypto/errors.js'

/** Field 1 of SealedAttributes, with its length. */
const attributesTag = 0x0a

/** The attributes by themselves, as their size counts; empty when they say nothing. */
export function encodeAttributes({ contentType, labels }: RecordAttributes): Buffer {
  const ordered = Object.entries(labels).toSorted(([one], [other]) =>
    Buffer.compare(Buffer.from(one), Buffer.from(other)),
  )
  // Label by label: an object of them has an order of its own, and messages put together are one message.
  const messages = [
    { contentType, labels: {} },
    ...ordered.map(([key, value]) => ({ contentType: '', labels: { [key]: value } })),
  ]
  return Buffer.concat(messages.map((message) => RecordAttributes.encode(message).finish()))
}

/** For `startSeal`. */
export function encodeSealedAttributes({ attributes, expireTime }: SealedAttributes): Buffer {
  if (attributes === undefined && expireTime === undefined) return noBytes
  const said = attributes === undefined ? noBytes : encodeAttributes(attributes)
  const writer = new BinaryWriter()
  if (said.length > 0) writer.uint32(attributesTag).bytes(said)
  return Buffer.from(SealedAttributes.encode({ attributes: undefined, expireTime }, writer).finish())
}

/** What an opened entry says; RECORD_CORRUPT for bytes that `encodeSealedAttributes` does not write. */
export function decodeSealedAttributes(bytes: Buffer): SealedAttributes {
  if (bytes.length === 0) return SealedAttributes.create()
  const sealed = reading(() => SealedAttributes.decode(bytes))
  if (!reading(() => encodeSealedAttributes(sealed)).equals(bytes)) throw corrupt('attributes')
  return sealed
}

/** Not every message can be read, nor every time in it be written again. */
function reading<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw corrupt(`attributes: ${cause}`)
  }
}
