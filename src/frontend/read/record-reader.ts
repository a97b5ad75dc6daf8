// Reads any range of a stored record. Its size is verified before anything else: the last chunk is the only one that is
// not full, so that a record which was cut, even at the end of a chunk, does not pass for a whole one. No byte leaves here
// before the tag of its chunk matched.
// A reader holds at most four parts of 1 MiB: two fetched ahead, one being opened, and what was opened of it.
import type { CallContext } from '../../core/methods.js'
import { tagSize } from '../crypto/aead.js'
import { type ChunkCipher, chunkCount, openChunk } from '../crypto/chunks.js'
import { chunksPerPart } from '../crypto/parts.js'
import type { CiphertextSource, Piece } from './ciphertext-source.js'
import { readAhead } from './read-ahead.js'

const partsAhead = 2
const messageBytes = 256 * 1024

export interface Range {
  from: number
  /** The first byte after it. */
  to: number
}

export interface RecordReader {
  /** Verified. */
  readonly size: number
  /** The bytes of a range that is within the size, in pieces of at most 256 KiB. */
  read(range: Range, call: CallContext): AsyncGenerator<Buffer, void, undefined>
}

/** Opens the last chunk; RECORD_CORRUPT when it does not fit the size. */
export async function recordReader(
  { body, cipher }: { body: CiphertextSource; cipher: ChunkCipher },
  call: CallContext,
): Promise<RecordReader> {
  const size = body.claimedSize
  const { chunkLog2 } = cipher
  const last = chunkCount(size, chunkLog2) - 1
  const end = pieceOf({ first: last, last }, { size, chunkLog2 })
  openChunk(cipher, last, await body.read(end, call)).fill(0)
  return {
    size,
    async *read(range, reading) {
      if (range.from === range.to) return
      const pieces = piecesOf(range, { size, chunkLog2 })
      const fetch = (chunks: Chunks, fetching: CallContext) => body.read(pieceOf(chunks, { size, chunkLog2 }), fetching)
      for await (const [chunks, sealed] of readAhead(pieces, { ahead: partsAhead, fetch }, reading)) {
        yield* openPiece(cipher, { chunks, sealed }, range)
      }
    },
  }
}

/** Numbers of chunks of one part, both included. */
interface Chunks {
  first: number
  last: number
}

interface Shape {
  size: number
  chunkLog2: number
}

/** The chunks that hold the range, by part. */
function* piecesOf({ from, to }: Range, { chunkLog2 }: Shape): Generator<Chunks> {
  const perPart = chunksPerPart(chunkLog2)
  const last = Math.floor((to - 1) / 2 ** chunkLog2)
  for (let first = Math.floor(from / 2 ** chunkLog2); first <= last; ) {
    const next = (Math.floor(first / perPart) + 1) * perPart
    yield { first, last: Math.min(last, next - 1) }
    first = next
  }
}

/** Where the chunks lie. */
function pieceOf({ first, last }: Chunks, { size, chunkLog2 }: Shape): Piece {
  const perPart = chunksPerPart(chunkLog2)
  const sealedChunk = 2 ** chunkLog2 + tagSize
  const isFinal = last === chunkCount(size, chunkLog2) - 1
  const missing = isFinal ? 2 ** chunkLog2 - (size % 2 ** chunkLog2) : 0
  return {
    partNumber: Math.floor(first / perPart),
    offset: (first % perPart) * sealedChunk,
    length: (last - first + 1) * sealedChunk - missing,
  }
}

/** What of the range is in these chunks, each opened before any of its bytes is yielded. */
function* openPiece(
  cipher: ChunkCipher,
  { chunks: { first, last }, sealed }: { chunks: Chunks; sealed: Buffer },
  { from, to }: Range,
): Generator<Buffer> {
  const chunkSize = 2 ** cipher.chunkLog2
  const sealedChunk = chunkSize + tagSize
  const atOnce = Math.max(1, messageBytes / chunkSize)
  for (let begun = first; begun <= last; begun += atOnce) {
    const opened: Buffer[] = []
    for (let chunk = begun; chunk <= last && chunk < begun + atOnce; chunk += 1) {
      const at = (chunk - first) * sealedChunk
      const plaintext = openChunk(cipher, chunk, sealed.subarray(at, at + sealedChunk))
      const start = chunk * chunkSize
      opened.push(plaintext.subarray(Math.max(0, from - start), Math.max(0, to - start)))
    }
    yield* messagesOf(Buffer.concat(opened))
  }
}

function* messagesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += messageBytes) yield bytes.subarray(at, at + messageBytes)
}
