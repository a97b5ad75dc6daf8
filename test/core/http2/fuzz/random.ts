// Random numbers that a seed determines (Park and Miller), so that every failure can be repeated.

/** Numbers from 0 to 1. */
export type Random = () => number

const modulus = 2_147_483_647

/** A generator; nearby seeds give unrelated numbers. */
export function random(seed: number): Random {
  let state = ((seed * 7_919) % (modulus - 1)) + 1
  const next = () => {
    state = (state * 48_271) % modulus
    return state / modulus
  }
  next()
  return next
}

/** A whole number from 0 to below the limit. */
export function below(next: Random, limit: number): number {
  return Math.min(limit - 1, Math.floor(next() * limit))
}

/** One of the list. */
export function pick<T>(next: Random, from: readonly T[]): T {
  return from[below(next, from.length)]!
}

/** Random bytes, up to a size. */
export function bytes(next: Random, maxSize: number): Buffer {
  return Buffer.from(Array.from({ length: below(next, maxSize + 1) }, () => below(next, 256)))
}
