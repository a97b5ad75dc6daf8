// Logs an event at most once a second and counts the others, as a peer may cause any number of them.
import type { Logger } from './log.js'

const defaultPauseMs = 1_000

/** Writes a line with these fields, and with the number of lines that were left out since the last one. */
export type LimitedLog = (fields: Record<string, unknown>) => void

/** The clock of a limited log, in milliseconds, and its time between lines. */
interface Pace {
  now?: () => number
  pauseMs?: number
}

/** A limited log of one event. The last of the lines that were left out is written at the end of its pause, with their number. */
export function limitedLog(
  log: Logger,
  { level, event }: { level: string; event: string },
  { now = () => performance.now(), pauseMs = defaultPauseMs }: Pace = {},
): LimitedLog {
  let suppressed = 0
  let loggedAt = Number.NEGATIVE_INFINITY
  let last: Record<string, unknown> = {}
  let timer: NodeJS.Timeout | undefined

  function write(fields: Record<string, unknown>): void {
    clearTimeout(timer)
    timer = undefined
    log.log(level, event, { ...fields, suppressed })
    loggedAt = now()
    suppressed = 0
  }

  function writeLast(): void {
    suppressed -= 1
    write(last)
  }

  return (fields) => {
    const leftMs = loggedAt + pauseMs - now()
    if (leftMs <= 0) return write(fields)
    suppressed += 1
    last = fields
    timer ??= setTimeout(writeLast, leftMs).unref()
  }
}
