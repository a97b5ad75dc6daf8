// Contents of any size that are never held: a keystream, the same for the same seed.
import { createCipheriv, createHash } from 'node:crypto'

const pieceBytes = 256 * 1024

export function* seededContents(seed: number, bytes: number): Generator<Buffer> {
  const key = createHash('sha256').update(`contents ${seed}`).digest()
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(pieceBytes)
  for (let left = bytes; left > 0; left -= pieceBytes)
    yield stream.update(zeros.subarray(0, Math.min(left, pieceBytes)))
}

export function seededSha256(seed: number, bytes: number): string {
  const hash = createHash('sha256')
  for (const piece of seededContents(seed, bytes)) hash.update(piece)
  return hash.digest('hex')
}

/** The same as seen by a receiver. */
export async function sha256Of(pieces: AsyncIterable<Uint8Array>): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of pieces) {
    hash.update(piece)
    bytes += piece.length
  }
  return { sha256: hash.digest('hex'), bytes }
}
