// Randomness for keys, key ids and salts, from a pool: one system call per 4 KiB instead of one per value.
// Every fill is tested before use: no two of its 32-byte blocks may be equal, and its first block must differ from that
// of the previous fill. The odds of a false alarm are 2^-243 per fill; a stuck, repeating or silent source is caught at
// once. A source that failed stays failed: no ciphertext at all is better than one under a key somebody can guess.
import { hash, randomFillSync } from 'node:crypto'
import { VaultError } from '../../core/errors.js'
import { guard } from './errors.js'

const poolSize = 4096
const blockSize = 32

/** A source of random bytes for keys, key ids and salts. */
export interface RandomSource {
  /** Fills and returns `memory`, of 1 to 4096 bytes; once the source has failed, every call throws INTERNAL. */
  fill(memory: Buffer): Buffer
}

/** A pooled, tested source. `refillFrom` must overwrite the whole block with random bytes. */
export function randomSource(refillFrom: (block: Buffer) => unknown = (block) => randomFillSync(block)): RandomSource {
  const pool = Buffer.alloc(poolSize)
  let taken = poolSize
  let lastFirstBlock = ''
  let failure: unknown

  function refill(): void {
    // Wiped first: a refill that does nothing then leaves zeros, not the previous random bytes.
    pool.fill(0)
    refillFrom(pool)
    const firstBlock = hash('sha256', pool.subarray(0, blockSize), 'binary')
    if (firstBlock === lastFirstBlock || hasEqualBlocks(pool)) throw new Error('the random source repeats itself')
    lastFirstBlock = firstBlock
    taken = 0
  }

  // Byte by byte: copying and wiping slices takes several times as long for so few bytes.
  function take(memory: Buffer): Buffer {
    if (taken + memory.length > poolSize) refill()
    for (let at = 0; at < memory.length; at += 1, taken += 1) {
      memory[at] = pool[taken] as number
      pool[taken] = 0 // these bytes may be a key now, so the pool must not keep a second copy
    }
    return memory
  }

  return {
    fill(memory) {
      guard(memory.length > 0 && memory.length <= poolSize, 'a draw is 1 to 4096 bytes')
      if (failure) throw new VaultError('INTERNAL', { cause: failure })
      try {
        return take(memory)
      } catch (error) {
        pool.fill(0)
        failure = error ?? new Error('the random source failed')
        throw new VaultError('INTERNAL', { cause: failure })
      }
    },
  }
}

/** Compares all pairs of blocks, by their first word: the rest of a block is looked at only when that is equal. */
function hasEqualBlocks(pool: Buffer): boolean {
  const words = new Uint32Array(pool.buffer, pool.byteOffset, pool.length / 4)
  const step = blockSize / 4
  for (let one = 0; one < words.length; one += step) {
    for (let other = one + step; other < words.length; other += step) {
      if (
        words[one] === words[other] &&
        pool.compare(pool, one * 4, one * 4 + blockSize, other * 4, other * 4 + blockSize) === 0
      )
        return true
    }
  }
  return false
}
