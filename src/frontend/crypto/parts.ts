// Parts, in which the chunks of a large envelope are stored. Part n holds the sealed chunks of plaintext bytes n * 2^20 to
// (n + 1) * 2^20 - 1. The last part ends with the last chunk, and holds only an empty chunk if the size is a multiple of
// 2^20. Parts concern storage only: no chunk depends on them.

import { tagBytes } from '../../core/envelope-sizes.js'
import { type ChunkCipher, sealChunk } from './chunks.js'

/** The plaintext of a part, in bytes. */
export const partBytes = 2 ** 20
/** A back end counts parts below 2^20. */
export const maxPartedBytes = 2 ** 40 - 1

/** The number of parts for a plaintext of this size. */
export function partCount(plaintextSize: number): number {
  return Math.floor(plaintextSize / partBytes) + 1
}

/** The chunks of a full part. */
export function chunksPerPart(chunkLog2: number): number {
  return partBytes / 2 ** chunkLog2
}

/** The size of a full part. */
export function sealedPartBytes(chunkLog2: number): number {
  return partBytes + chunksPerPart(chunkLog2) * tagBytes
}

/** Cuts a stream of bytes into chunks, seals each once, and gathers them into parts. */
export interface PartSealer {
  /** Takes the next bytes, in a piece of any size; yields each part that they fill. */
  add(bytes: Buffer): Generator<Buffer, void, undefined>
  /** Returns the last part; no bytes may be added afterwards. */
  finish(): Buffer
  /** Wipes the plaintext of an unfinished chunk. */
  close(): void
}

/** A sealer that holds at most one part and one chunk. It does not wipe the cipher's key. */
export function partSealer(cipher: ChunkCipher): PartSealer {
  const chunk = Buffer.alloc(2 ** cipher.chunkLog2)
  const perPart = chunksPerPart(cipher.chunkLog2)
  let filled = 0
  let chunks = 0
  let pieces: Buffer[] = []

  function seal(plaintext: Buffer): void {
    pieces.push(...sealChunk(cipher, chunks, plaintext))
    chunks += 1
  }

  function takePart(): Buffer {
    const part = Buffer.concat(pieces)
    pieces = []
    return part
  }

  /** Fills the unfinished chunk and seals it when it is full; a whole chunk is sealed without a copy. */
  function take(bytes: Buffer): number {
    if (filled === 0 && bytes.length >= chunk.length) {
      seal(bytes.subarray(0, chunk.length))
      return chunk.length
    }
    const taken = bytes.copy(chunk, filled)
    filled += taken
    if (filled === chunk.length) {
      filled = 0
      seal(chunk)
    }
    return taken
  }

  return {
    *add(bytes) {
      for (let at = 0; at < bytes.length; ) {
        at += take(bytes.subarray(at))
        if (pieces.length > 0 && chunks % perPart === 0) yield takePart()
      }
    },
    finish() {
      seal(chunk.subarray(0, filled)) // a full chunk is never the last: an empty one follows it
      return takePart()
    },
    close: () => void chunk.fill(0),
  }
}
