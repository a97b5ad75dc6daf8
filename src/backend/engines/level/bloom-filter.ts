// A Bloom filter over the keys of one database. It lets the write of a new record skip the lookup of its key.
// LevelDB counts the reads that search more than one table, and compacts a table that many of them have searched.
// Without the filter, lookups of absent keys would cause most of its compactions. Keys must end with 16 random bytes,
// as pseudonyms do: the filter takes its hashes from those bytes.

/** A set of keys without false negatives. */
export interface BloomFilter {
  /** Adds a key; the caller does so before it writes the key. */
  add(key: Buffer): void
  /** Declares that the filter holds all keys of the database. */
  markComplete(): void
  /** False only for a key that was never added. True for every key until `markComplete` is called. */
  mayContain(key: Buffer): boolean
}

/**
 * 8 MiB of bits. With 5 million keys, one in 200 absent keys counts as present; with 20 million, one in 4. Deleted keys
 * stay in the filter until the next start.
 */
const bitsLog2 = 26
const hashes = 4
const hashBytes = 4

/** Makes an empty filter; it is not complete. */
export function bloomFilter(): BloomFilter {
  const bits = new Uint8Array(2 ** bitsLog2 / 8)
  let isComplete = false

  const positionOf = (key: Buffer, hash: number) =>
    key.readUInt32LE(key.length - (hash + 1) * hashBytes) >>> (32 - bitsLog2)

  return {
    add(key) {
      for (let hash = 0; hash < hashes; hash += 1) {
        const position = positionOf(key, hash)
        bits[position >>> 3] = (bits[position >>> 3] as number) | (1 << (position & 7))
      }
    },
    markComplete() {
      isComplete = true
    },
    mayContain(key) {
      if (!isComplete) return true
      for (let hash = 0; hash < hashes; hash += 1) {
        const position = positionOf(key, hash)
        if (((bits[position >>> 3] as number) & (1 << (position & 7))) === 0) return false
      }
      return true
    },
  }
}
