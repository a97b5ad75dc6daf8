// Encoding and decoding of message bytes with as few copies as possible.
import { BinaryWriter } from '@bufbuild/protobuf/wire'

const smallBytes = 1024
/** A writer that grew beyond this is not reused. */
const maxReusedBytes = 64 * 1024

/** The value of an empty bytes field. All share one, since making a Buffer takes longer than reading a field. */
export const noBytes = Buffer.alloc(0)

/** The encoder of a generated message type. */
export interface Encoder<Message> {
  encode(message: Message, writer: BinaryWriter): BinaryWriter
}

// A new writer doubles its memory a few times for each message, which takes longer than writing it. The reused one holds bytes
// of recent messages (docs/crypto.md section 12).
let reusable: BinaryWriter | undefined

/** Encodes a message into a Buffer that shares its memory with no other. */
export function frame<Message>(type: Encoder<Message>, message: Message): Buffer {
  const writer = reusable ?? new BinaryWriter()
  reusable = undefined // a writer that throws is not reused
  const bytes = type.encode(message, writer).finish()
  if (bytes.length <= maxReusedBytes) reusable = writer
  return viewOf(bytes)
}

/** The bytes of a field, as a view of its message. Small ones are copied, so that they do not keep a large message alive. */
export function inPlace(bytes: Uint8Array): Buffer {
  return bytes.length <= smallBytes ? Buffer.from(bytes) : viewOf(bytes)
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
