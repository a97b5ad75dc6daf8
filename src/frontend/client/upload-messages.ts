// The messages of an upload, made of a source's pieces as they come: none is larger than the server takes, and the last
// says how many bytes there were and what their SHA-256 is.
import { invalidField } from '../../core/errors.js'
import type { StoreRecordRequest, UploadRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { runningDigest } from '../crypto/running-digest.js'

/** Contents, piece by piece, each of any size; a piece must not change after it was yielded. */
export type Contents = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

const messageBytes = 256 * 1024

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
  for (let at = 0; at < bytes.length; at += messageBytes) {
    yield { part: { $case: 'chunk', value: bytes.subarray(at, at + messageBytes) } }
  }
}
