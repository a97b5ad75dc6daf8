// Bounds the calls that a server answers at once, so that a flood costs it an error each and no memory.
import { VaultError } from './errors.js'

const retryAfterMs = 100

/** Runs work while there is room for it. */
export interface Admission {
  /** Rejects with OVERLOADED, and does not start, when the bound is reached. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when no work runs. */
  idle(): Promise<void>
}

export function admission(max: number): Admission {
  let running = 0
  let waiting: (() => void)[] = []
  const leave = () => {
    running -= 1
    if (running > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }
  return {
    async run(work) {
      if (running >= max) throw new VaultError('OVERLOADED', { retryAfterMs })
      running += 1
      try {
        return await work()
      } finally {
        leave()
      }
    },
    idle: () => new Promise((resolve) => (running === 0 ? resolve() : waiting.push(resolve))),
  }
}
