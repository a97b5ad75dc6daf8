// Timeouts: a wait that ends at a deadline although the work goes on, since a database driver or a file system call cannot be
// cancelled.
import type { CallSignal } from './call-signal.js'

/** The longest delay of a Node timer, in milliseconds. A timer with a longer delay fires at once. */
export const maxTimerMs = 2 ** 31 - 1

/** The end of a wait: a deadline or an abort, whichever comes first. */
export interface Ending {
  /** When the wait ends, in milliseconds since 1970. */
  deadline: number
  signal: CallSignal
}

/** Settles as `work` does; rejects with `late()` once the deadline has passed or the signal has aborted. */
export function raceDeadline<T>(work: Promise<T>, { deadline, signal }: Ending, late: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const cleanUp = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
    }
    const end = () => {
      cleanUp()
      reject(late())
    }
    const timer = setTimeout(end, Math.min(Math.max(0, deadline - Date.now()), maxTimerMs))
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
    work.then(resolve, reject).finally(cleanUp)
  })
}

/** Resolves with true if `work` resolves within `ms` milliseconds, else with false; rejects if `work` rejects in that time. */
export function resolvesWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, maxTimerMs), false)
  })
  return Promise.race([work.then(() => true), late]).finally(() => clearTimeout(timer))
}
