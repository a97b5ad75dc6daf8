// The clock for expiry. The system clock may jump in both directions, and neither jump may do harm: a jump back must not
// revive an expired record, and a jump ahead must not remove a valid one. So a clock has two readings, and the one for
// removing is never ahead of the one for refusing.

/** A clock with a reading for each use. */
export interface Clock {
  /** The time to refuse expired records by: it never goes back. */
  forRefusing(): Date
  /** The time to remove expired records by: never later than the start of the process plus the time since then. */
  forRemoving(): Date
}

/** The system clocks, in milliseconds. */
export interface TimeSources {
  /** The time since 1970; may jump. */
  wallMs(): number
  /** The time since an arbitrary moment; only grows. */
  monotonicMs(): number
}

const systemTime: TimeSources = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }

/** True if `time` has come; false for undefined. */
export function isPast(time: Date | undefined, now: Date): boolean {
  return time !== undefined && time.getTime() <= now.getTime()
}

/** Makes a reading that never goes back: it returns the latest time that it has returned. */
export function neverBack(reading: () => Date): () => Date {
  let latest = reading()
  return () => {
    const now = reading()
    if (now > latest) latest = now
    return latest
  }
}

/** Makes the clock of a process. It needs to be the only one, as its readings depend on earlier readings. */
export function newClock({ wallMs, monotonicMs }: TimeSources = systemTime): Clock {
  const aheadMs = wallMs() - monotonicMs()
  let latestMs = Number.NEGATIVE_INFINITY

  // Both readings raise `latestMs`: a record that was removed as expired must not count as valid later.
  function readWallMs(): number {
    const nowMs = wallMs()
    latestMs = Math.max(latestMs, nowMs)
    return nowMs
  }

  return {
    forRefusing() {
      readWallMs()
      return new Date(latestMs)
    },
    forRemoving: () => new Date(Math.floor(Math.min(readWallMs(), aheadMs + monotonicMs()))),
  }
}
