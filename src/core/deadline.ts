// Work that is waited for until a deadline. The work itself goes on: most of what we wait for cannot be cancelled.
import type { CallSignal } from './call-signal.js'

/** The longest delay that a timer of Node's takes, in milliseconds; it fires at once for a longer one. */
export const maxTimerMs = 2 ** 31 - 1

export interface Ending {
  /** When to stop waiting, in milliseconds since 1970. */
  deadline: number
  signal: CallSignal
}

/** Settles as `work` does; rejects with `late()` once the deadline has passed or the signal has aborted. */
export function raceDeadline<T>(work: Promise<T>, { deadline, signal }: Ending, late: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(late())
    const timer = setTimeout(end, Math.min(Math.max(0, deadline - Date.now()), maxTimerMs))
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
    })
  })
}

/** Resolves with whether `work` has resolved within `ms` milliseconds; rejects as it does until then. */
export function resolvesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, maxTimerMs), false)
  })
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer))
}
