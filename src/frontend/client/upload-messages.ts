// The messages of an upload, made from the pieces of a source. No message is larger than the server accepts, and the last
// one has the size and the SHA-256 of all bytes.
import { invalidField } from '../../core/errors.js'
import type { StoreRecordRequest, UploadRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { runningDigest } from '../crypto/running-digest.js'

/** Contents in pieces of any size; a piece must not change after it was yielded. */
export type Contents = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

const maxChunkBytes = 256 * 1024

/** Yields the header, the chunks and the finish of one upload. */
export async function* uploadMessages(
  header: StoreRecordRequest,
  contents: Contents,
): AsyncGenerator<UploadRecordRequest> {
  yield { part: { $case: 'header', value: header } }
  const digest = runningDigest()
  let sizeBytes = 0n
  for await (const piece of contents) {
    if (!(piece instanceof Uint8Array)) throw invalidField('source', 'must yield Uint8Arrays')
    digest.update(piece)
    sizeBytes += BigInt(piece.length)
    yield* chunksOf(piece)
  }
  yield { part: { $case: 'finish', value: { sizeBytes, sha256: digest.finish() } } }
}

function* chunksOf(piece: Uint8Array): Generator<UploadRecordRequest> {
  const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
  for (let at = 0; at < bytes.length; at += maxChunkBytes) {
    yield { part: { $case: 'chunk', value: bytes.subarray(at, at + maxChunkBytes) } }
  }
}
