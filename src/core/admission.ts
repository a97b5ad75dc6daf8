// Bounds the calls that a server answers at once, so that a flood costs it an error each and no memory.
import { VaultError } from './errors.js'

const retryAfterMs = 100

/** Runs work while there is room for it. */
export interface Admission {
  /** Rejects with OVERLOADED, and does not start, when the bound is reached. */
  run<T>(work: () => Promise<T>): Promise<T>
}

export function admission(max: number): Admission {
  let running = 0
  return {
    async run(work) {
      if (running >= max) throw new VaultError('OVERLOADED', { retryAfterMs })
      running += 1
      try {
        return await work()
      } finally {
        running -= 1
      }
    },
  }
}
