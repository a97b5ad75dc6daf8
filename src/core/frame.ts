// Bytes on their way through a message, copied no more often than they must be.
import type { BinaryWriter } from '@bufbuild/protobuf/wire'

const smallBytes = 1024

/** What a field without bytes holds: one for all, as to make one takes longer than to read a field. */
export const noBytes = Buffer.alloc(0)

/** What was written, as the Buffer gRPC wants; the writer has let go of it. */
export function frame(written: BinaryWriter): Buffer {
  return viewOf(written.finish())
}

/** Bytes as they lie in the message; small ones are copied, so that none of them keeps a large message in memory. */
export function inPlace(bytes: Uint8Array): Buffer {
  return bytes.length <= smallBytes ? Buffer.from(bytes) : viewOf(bytes)
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
