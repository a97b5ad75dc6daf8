// Ends what does not move.
import { VaultError } from '../errors.js'

export interface IdleTimer {
  /** Rejects with DEADLINE_EXCEEDED when nothing has moved for that long. */
  passed: Promise<never>
  /** Something moved. */
  touch(): void
  /** Counts anew while that is awaited, and then only during the next: who is not waited for is not idle. */
  during<T>(awaited: Promise<T>): Promise<T>
  stop(): void
}

export function idleTimer(ms: number): IdleTimer {
  let timer: NodeJS.Timeout | undefined
  let start = (): void => undefined
  const stop = () => clearTimeout(timer)
  const passed = new Promise<never>((_, reject) => {
    const message = `nothing moved on the stream for ${ms / 1000} s`
    start = () => {
      stop()
      timer = setTimeout(() => reject(new VaultError('DEADLINE_EXCEEDED', { message })), ms)
    }
  })
  start()
  return {
    passed,
    touch: () => timer?.refresh(),
    during(awaited) {
      start()
      return awaited.finally(stop)
    },
    stop,
  }
}
