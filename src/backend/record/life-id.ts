// Names of lives: 16 random bytes each, drawn many at a time, as a draw costs the same for one as for hundreds. They are no
// secrets: whoever reads the store sees them.

const size = 16
const drawn = 256

let pool = Buffer.alloc(0)

/** A new name for a life of a record. */
export function newLifeId(): Buffer {
  if (pool.length === 0) pool = Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(size * drawn)).buffer)
  const id = Buffer.from(pool.subarray(0, size)) // a copy: what is kept of it must not keep the pool
  pool = pool.subarray(size)
  return id
}
