// Bytes on their way through a message, copied no more often than they must be.
import { BinaryWriter } from '@bufbuild/protobuf/wire'

const smallBytes = 1024
/** The writer of a larger message is not kept. */
const keptBytes = 64 * 1024

/** What a field without bytes holds: one for all, as to make one takes longer than to read a field. */
export const noBytes = Buffer.alloc(0)

/** A generated type, as to writing its messages. */
export interface Encoder<Message> {
  encode(message: Message, writer: BinaryWriter): BinaryWriter
}

// A new one would double its memory a few times for each message, which takes longer than to write it. What is kept holds
// some of the last messages (docs/crypto.md section 12).
let idle: BinaryWriter | undefined

/** The message as the Buffer gRPC wants, in memory of its own. */
export function frame<Message>(type: Encoder<Message>, message: Message): Buffer {
  const writer = idle ?? new BinaryWriter()
  idle = undefined // one that fails in mid-message is not used again
  const written = type.encode(message, writer).finish()
  if (written.length <= keptBytes) idle = writer
  return viewOf(written)
}

/** Bytes as they lie in the message; small ones are copied, so that none of them keeps a large message in memory. */
export function inPlace(bytes: Uint8Array): Buffer {
  return bytes.length <= smallBytes ? Buffer.from(bytes) : viewOf(bytes)
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
