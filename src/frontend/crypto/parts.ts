// Parts: how the chunks of a large envelope are kept. Part n holds the sealed chunks of plaintext bytes n * 2^20 to
// (n + 1) * 2^20 - 1; the last part ends with the last chunk, and holds nothing but an empty one when the size is a
// multiple of 2^20. Parts are a matter of storage: no chunk depends on them.

import { tagSize } from './aead.js'
import { type ChunkCipher, sealChunk } from './chunks.js'

/** Plaintext of a part. */
export const partBytes = 2 ** 20
/** A back end counts parts below 2^20. */
export const maxPartedBytes = 2 ** 40 - 1

/** How many parts hold so many bytes. */
export function partCount(plaintextSize: number): number {
  return Math.floor(plaintextSize / partBytes) + 1
}

export function chunksPerPart(chunkLog2: number): number {
  return partBytes / 2 ** chunkLog2
}

/** Of a whole part. */
export function sealedPartBytes(chunkLog2: number): number {
  return partBytes + chunksPerPart(chunkLog2) * tagSize
}

/** Cuts bytes that come in pieces of any size into chunks, seals each once, and gathers them into parts. */
export interface PartSealer {
  /** Takes the next bytes; yields each part that they fill. */
  add(bytes: Buffer): Generator<Buffer, void, undefined>
  /** The last part; nothing may be added after. */
  finish(): Buffer
  /** Wipes the plaintext that waits for more. */
  close(): void
}

/** Holds one part and one chunk; the cipher's key is not its to wipe. */
export function partSealer(cipher: ChunkCipher): PartSealer {
  const begun = Buffer.alloc(2 ** cipher.chunkLog2)
  const perPart = chunksPerPart(cipher.chunkLog2)
  let begunBytes = 0
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

  /** Takes what still fits the chunk that was begun, and seals that when it is full; a whole chunk is not copied first. */
  function take(bytes: Buffer): number {
    if (begunBytes === 0 && bytes.length >= begun.length) {
      seal(bytes.subarray(0, begun.length))
      return begun.length
    }
    const taken = bytes.copy(begun, begunBytes)
    begunBytes += taken
    if (begunBytes === begun.length) {
      begunBytes = 0
      seal(begun)
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
      seal(begun.subarray(0, begunBytes)) // a full chunk is never the last: an empty one follows it
      return takePart()
    },
    close: () => void begun.fill(0),
  }
}
