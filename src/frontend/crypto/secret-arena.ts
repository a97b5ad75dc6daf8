// An arena for secrets that live as long as one call, or as one transfer, of which there are few. Its memory is outside V8's
// heap, so that no copy is left behind by a garbage collection, and only such secrets share it. An allocation costs as
// much as two hashes; therefore many secrets share one piece of memory. Each byte is used once.

const pieceSize = 8192

let piece = Buffer.alloc(0)
let at = 0

/** Zeroed memory, which the caller wipes after use. A secret that lives long would keep its whole piece in memory. */
export function secretArena(size: number): Buffer {
  if (size > pieceSize / 8) return Buffer.alloc(size)
  if (at + size > piece.length) {
    piece = Buffer.alloc(pieceSize)
    at = 0
  }
  at += size
  return piece.subarray(at - size, at)
}
