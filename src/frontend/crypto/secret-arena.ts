// Memory for secrets that live as long as a call, or a transfer, of which there are few: off V8's heap, where nothing moves
// it, and shared with other such secrets only. A piece of one's own costs as much as two hashes; here many are cut from
// one, each used once.

const pieceSize = 8192

let piece = Buffer.alloc(0)
let at = 0

/** Zeros, for whoever asks to wipe them; what lives longer would keep all of its piece in memory. */
export function secretArena(size: number): Buffer {
  if (size > pieceSize / 8) return Buffer.alloc(size)
  if (at + size > piece.length) {
    piece = Buffer.alloc(pieceSize)
    at = 0
  }
  at += size
  return piece.subarray(at - size, at)
}
