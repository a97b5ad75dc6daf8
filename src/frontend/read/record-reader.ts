// Reads any range of a stored record. It verifies the size first: only the last chunk is not full, so a record that was
// truncated, even between two chunks, does not pass for a whole one. No byte leaves this file before the tag of its chunk
// matched.
// A reader holds at most four parts of 1 MiB: two read ahead, one being opened, and the plaintext opened from it.
import { tagBytes } from '../../core/envelope-sizes.js'
import type { CallContext } from '../../core/methods.js'
import { type ChunkCipher, chunkCount, openChunk } from '../crypto/chunks.js'
import { chunksPerPart } from '../crypto/parts.js'
import type { CiphertextSource, SealedRange } from './ciphertext-source.js'
import { readAhead } from './read-ahead.js'

const partsAhead = 2
const maxMessageBytes = 256 * 1024

/** A range of the plaintext, in bytes. */
export interface Range {
  from: number
  /** The first byte after it. */
  to: number
}

/** Random access to the plaintext of one record. */
export interface RecordReader {
  /** Verified. */
  readonly size: number
  /** The bytes of a range that is within the size, in pieces of at most 256 KiB. */
  read(range: Range, call: CallContext): AsyncGenerator<Buffer, void, undefined>
}

/** Opens the last chunk to verify the size; rejects with RECORD_CORRUPT if chunk and size contradict each other. */
export async function recordReader(
  { source, cipher }: { source: CiphertextSource; cipher: ChunkCipher },
  call: CallContext,
): Promise<RecordReader> {
  const size = source.claimedSize
  const { chunkLog2 } = cipher
  const layout = { size, chunkLog2 }
  const last = chunkCount(size, chunkLog2) - 1
  openChunk(cipher, last, await source.read(sealedRange({ first: last, last }, layout), call)).fill(0)
  return {
    size,
    async *read(range, readCall) {
      if (range.from === range.to) return
      const fetch = (chunks: ChunkRange, fetchCall: CallContext) => source.read(sealedRange(chunks, layout), fetchCall)
      for await (const [chunks, sealed] of readAhead(
        chunkRanges(range, layout),
        { ahead: partsAhead, fetch },
        readCall,
      )) {
        yield* openRange(cipher, { chunks, sealed }, range)
      }
    },
  }
}

/** The numbers of consecutive chunks of one part, both included. */
interface ChunkRange {
  first: number
  last: number
}

interface Layout {
  /** Of the plaintext. */
  size: number
  chunkLog2: number
}

/** The chunks that hold the range, part by part. */
function* chunkRanges({ from, to }: Range, { chunkLog2 }: Layout): Generator<ChunkRange> {
  const perPart = chunksPerPart(chunkLog2)
  const last = Math.floor((to - 1) / 2 ** chunkLog2)
  for (let first = Math.floor(from / 2 ** chunkLog2); first <= last; ) {
    const next = (Math.floor(first / perPart) + 1) * perPart
    yield { first, last: Math.min(last, next - 1) }
    first = next
  }
}

/** The sealed bytes of the chunks. */
function sealedRange({ first, last }: ChunkRange, { size, chunkLog2 }: Layout): SealedRange {
  const perPart = chunksPerPart(chunkLog2)
  const sealedChunk = 2 ** chunkLog2 + tagBytes
  const isFinal = last === chunkCount(size, chunkLog2) - 1
  const missing = isFinal ? 2 ** chunkLog2 - (size % 2 ** chunkLog2) : 0
  return {
    partNumber: Math.floor(first / perPart),
    offset: (first % perPart) * sealedChunk,
    length: (last - first + 1) * sealedChunk - missing,
  }
}

/** The bytes of the range in these chunks. Each chunk is opened before any of its bytes is yielded. */
function* openRange(
  cipher: ChunkCipher,
  { chunks: { first, last }, sealed }: { chunks: ChunkRange; sealed: Buffer },
  { from, to }: Range,
): Generator<Buffer> {
  const chunkSize = 2 ** cipher.chunkLog2
  const sealedChunk = chunkSize + tagBytes
  const batchSize = Math.max(1, maxMessageBytes / chunkSize)
  for (let start = first; start <= last; start += batchSize) {
    const opened: Buffer[] = []
    for (let chunk = start; chunk <= last && chunk < start + batchSize; chunk += 1) {
      const at = (chunk - first) * sealedChunk
      const plaintext = openChunk(cipher, chunk, sealed.subarray(at, at + sealedChunk))
      const chunkAt = chunk * chunkSize
      opened.push(plaintext.subarray(Math.max(0, from - chunkAt), Math.max(0, to - chunkAt)))
    }
    yield* splitMessages(Buffer.concat(opened))
  }
}

function* splitMessages(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += maxMessageBytes) yield bytes.subarray(at, at + maxMessageBytes)
}
