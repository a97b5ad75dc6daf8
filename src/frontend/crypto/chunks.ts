// The body of an envelope: chunks of C = 2^chunk_log2 bytes, each a ciphertext followed by its 16-byte tag.
// All but the last hold exactly C bytes, the last 0 to C-1 (an exact multiple ends with an empty chunk). So each length
// has exactly one division into chunks. No final flag is needed, and a chunk that is cut, added, moved or repeated
// makes a tag fail. nonce(i) = u96(i), i < 2^32. Sizes are numbers: the largest envelope, 2^32 chunks of 1 MiB, stays
// below 2^53.
import { envelopeHeaderBytes, tagBytes } from '../../core/envelope-sizes.js'
import { chunkNonce, decrypt, encrypt, maxChunks, type Suite } from './aead.js'
import { corrupt, guard } from './errors.js'

/** The smallest chunk, 4 KiB, as a power of two. */
export const minChunkLog2 = 12
/** The largest chunk, 1 MiB, as a power of two. */
export const maxChunkLog2 = 20

/** The key of one envelope's chunks. It comes from a verified header only; the caller that opened the header wipes it. */
export interface ChunkCipher {
  suite: Suite
  key: Buffer
  chunkLog2: number
}

/** True for a chunk size of the format. */
export function isChunkLog2(value: number): boolean {
  return Number.isInteger(value) && value >= minChunkLog2 && value <= maxChunkLog2
}

/** The number of chunks for a plaintext of this size; at least one, since the last chunk may be empty. */
export function chunkCount(plaintextSize: number, chunkLog2: number): number {
  return Math.floor(plaintextSize / 2 ** chunkLog2) + 1
}

/** The offset of chunk `index` in the envelope. */
export function chunkOffset(index: number, chunkLog2: number): number {
  return envelopeHeaderBytes + index * (2 ** chunkLog2 + tagBytes)
}

/** The size of the envelope for a plaintext of this size. */
export function envelopeSize(plaintextSize: number, chunkLog2: number): number {
  return envelopeHeaderBytes + plaintextSize + chunkCount(plaintextSize, chunkLog2) * tagBytes
}

/** The plaintext size of an envelope, unverified until its last chunk is opened; throws RECORD_CORRUPT if no size fits. */
export function plaintextSize(envelopeSize: number, chunkLog2: number): number {
  const sealedChunk = 2 ** chunkLog2 + tagBytes
  const full = Math.floor((envelopeSize - envelopeHeaderBytes) / sealedChunk)
  const last = envelopeSize - envelopeHeaderBytes - full * sealedChunk
  if (full < 0 || full >= maxChunks || last < tagBytes) throw corrupt('length')
  return full * 2 ** chunkLog2 + last - tagBytes
}

/** Seals one chunk: its ciphertext and its tag. */
export function sealChunk(cipher: ChunkCipher, index: number, plaintext: Buffer): [ciphertext: Buffer, tag: Buffer] {
  guard(plaintext.length <= 2 ** cipher.chunkLog2, 'a chunk holds at most 2^chunk_log2 bytes')
  return encrypt({ suite: cipher.suite, key: cipher.key, nonce: chunkNonce(index) }, plaintext)
}

/** Opens one chunk, ciphertext and tag together; RECORD_CORRUPT unless it is chunk `index` of this envelope. */
export function openChunk(cipher: ChunkCipher, index: number, sealed: Buffer): Buffer {
  if (sealed.length < tagBytes || index >= maxChunks) throw corrupt('length')
  const tagAt = sealed.length - tagBytes
  const call = { suite: cipher.suite, key: cipher.key, nonce: chunkNonce(index) }
  return decrypt(call, sealed.subarray(0, tagAt), sealed.subarray(tagAt))
}

/** Seals everything from chunk `firstIndex` to the last, as pieces to join. */
export function sealChunks(cipher: ChunkCipher, plaintext: Buffer, firstIndex = 0): Buffer[] {
  const size = 2 ** cipher.chunkLog2
  const pieces: Buffer[] = []
  for (let i = 0; i < chunkCount(plaintext.length, cipher.chunkLog2); i++) {
    pieces.push(...sealChunk(cipher, firstIndex + i, plaintext.subarray(i * size, (i + 1) * size)))
  }
  return pieces
}

/** Opens everything from chunk `firstIndex` to the last; all of it or nothing. */
export function openChunks(cipher: ChunkCipher, body: Buffer, firstIndex = 0): Buffer {
  const size = 2 ** cipher.chunkLog2
  const total = plaintextSize(envelopeHeaderBytes + body.length, cipher.chunkLog2)
  // The one chunk of a small record needs no copy.
  if (total < size) return openChunk(cipher, firstIndex, body)
  const plaintext = Buffer.alloc(total)
  try {
    for (let i = 0; i < chunkCount(plaintext.length, cipher.chunkLog2); i++) {
      const at = i * (size + tagBytes)
      openChunk(cipher, firstIndex + i, body.subarray(at, at + size + tagBytes)).copy(plaintext, i * size)
    }
    return plaintext
  } catch (error) {
    plaintext.fill(0)
    throw error
  }
}
