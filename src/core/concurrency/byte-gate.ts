// A gate that bounds the bytes of the work that runs at once, for requests that take many times their size in memory.
import { VaultError } from '../errors.js'
import { turnLimiter } from './turn-limiter.js'

/** The bounds of a gate, in bytes. */
export interface ByteGateLimits {
  /** The work that runs; larger work runs alone. */
  maxRunning: number
  /** The work that waits; further work is refused. */
  maxWaiting: number
  /** Smaller work runs at once and does not count. */
  minCounted: number
}

/** Lets work begin in the order of its calls. */
export interface ByteGate {
  /** Runs work of this size, and settles as it does; rejects with OVERLOADED, and begins nothing, if too much waits. */
  run<T>(bytes: number, work: () => Promise<T>): Promise<T>
}

interface Waiter {
  bytes: number
  begin(): void
}

const retryAfterMs = 100
/** Work of this size begins in a turn of the event loop of its own, since it takes milliseconds. */
const largeBytes = 256 * 1024

/** An open gate. */
export function byteGate({ maxRunning, maxWaiting, minCounted }: ByteGateLimits): ByteGate {
  const waiters: Waiter[] = []
  const turns = turnLimiter(1)
  let running = 0
  let waiting = 0

  const fits = (bytes: number) => running === 0 || running + bytes <= maxRunning

  function enter(bytes: number): Promise<void> | undefined {
    if (waiters.length === 0 && fits(bytes)) {
      running += bytes
      return undefined
    }
    if (waiting + bytes > maxWaiting) throw new VaultError('OVERLOADED', { retryAfterMs })
    waiting += bytes
    return new Promise((begin) => waiters.push({ bytes, begin }))
  }

  function leave(bytes: number): void {
    running -= bytes
    for (let next = waiters[0]; next !== undefined && fits(next.bytes); next = waiters[0]) {
      waiters.shift()
      waiting -= next.bytes
      running += next.bytes
      next.begin()
    }
  }

  return {
    async run(bytes, work) {
      if (bytes < minCounted) return work()
      await enter(bytes)
      try {
        if (bytes >= largeBytes) await turns.turn()
        return await work()
      } finally {
        leave(bytes)
      }
    },
  }
}
