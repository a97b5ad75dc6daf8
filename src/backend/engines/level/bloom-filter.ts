// Knows of most keys that are not in a database that they are not (a Bloom filter): a store of a new record need not look
// for one. LevelDB counts each read that looks into more than one table, and merges the tables that such reads pass
// through, so that to look for what is not there is what most of its merging comes from.
// Keys have to end with 16 random bytes, as pseudonyms do.

export interface BloomFilter {
  /** To be called before the key is written. */
  add(key: Buffer): void
  /** All keys that were there before have been added. */
  complete(): void
  /** False only for a key that was not added; true for all until they are complete, and then for few others. */
  mayHave(key: Buffer): boolean
}

/**
 * 8 MiB of bits: with 5 million keys added one in 200 that were not is taken for there, with 20 million one in 4. What is
 * deleted stays until the next start.
 */
const bitsLog2 = 26
const hashes = 4
const hashBytes = 4

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
    complete() {
      isComplete = true
    },
    mayHave(key) {
      if (!isComplete) return true
      for (let hash = 0; hash < hashes; hash += 1) {
        const position = positionOf(key, hash)
        if (((bits[position >>> 3] as number) & (1 << (position & 7))) === 0) return false
      }
      return true
    },
  }
}
