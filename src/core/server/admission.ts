// Bounds the calls that a server answers at once, so that a flood costs it an error each and no memory.
import { VaultError } from '../errors.js'

/** Runs work while there is room for it. */
export interface Admission {
  /** Rejects with OVERLOADED, and does not start, when the bound is reached. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Takes a place, for work that is no promise; throws OVERLOADED. What it returns gives the place back, once. */
  enter(): () => void
  /** Resolves when no work runs. */
  idle(): Promise<void>
}

/** `retryAfterMs` is what one who is refused is told to wait. */
export function admission(max: number, retryAfterMs = 100): Admission {
  let running = 0
  let waiting: (() => void)[] = []
  const leave = () => {
    running -= 1
    if (running > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }
  const enter = () => {
    if (running >= max) throw new VaultError('OVERLOADED', { retryAfterMs })
    running += 1
    let left = false
    return () => {
      if (!left) leave()
      left = true
    }
  }
  return {
    enter,
    async run(work) {
      const done = enter()
      try {
        return await work()
      } finally {
        done()
      }
    },
    idle: () => new Promise((resolve) => (running === 0 ? resolve() : waiting.push(resolve))),
  }
}
