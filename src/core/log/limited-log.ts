// Logs an event at most once a second and counts the others, as a peer may cause any number of them.
import type { Logger } from './log.js'

const pauseMs = 1_000

/** Writes a line with these fields, and with the number of lines that were left out since the last one. */
export type LimitedLog = (fields: Record<string, unknown>) => void

/** A limited log of one event; `now` is in milliseconds. */
export function limitedLog(
  log: Logger,
  { level, event }: { level: string; event: string },
  now: () => number = () => performance.now(),
): LimitedLog {
  let suppressed = 0
  let loggedAt = Number.NEGATIVE_INFINITY
  return (fields) => {
    if (now() - loggedAt < pauseMs) {
      suppressed += 1
      return
    }
    log.log(level, event, { ...fields, suppressed })
    loggedAt = now()
    suppressed = 0
  }
}
