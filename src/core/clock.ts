// What time it is, for records that expire. Clocks are set, back and ahead, and neither may do harm: one that jumps back
// must bring nothing back to life, one that jumps ahead must have nothing removed that was to stay. So there are two
// readings of it, and of the two the one for removing is never ahead.

export interface Clock {
  /** To refuse by: never earlier than anything it has said before. */
  forRefusing(): Date
  /** To remove by: never later than the time of the start and what has passed since then. */
  forRemoving(): Date
}

/** Where the time comes from. */
export interface TimeSources {
  /** Milliseconds since 1970; may jump. */
  wallMs(): number
  /** Milliseconds since some moment; only ever grows. */
  monotonicMs(): number
}

const systemTime: TimeSources = { wallMs: () => Date.now(), monotonicMs: () => performance.now() }

/** Whether that time has come; undefined never does. */
export function isPast(time: Date | undefined, now: Date): boolean {
  return time !== undefined && time.getTime() <= now.getTime()
}

/** That reading, but never earlier than anything it has said before. */
export function neverBack(reading: () => Date): () => Date {
  let latest = reading()
  return () => {
    const now = reading()
    if (now > latest) latest = now
    return latest
  }
}

/** One for the whole process: what it has said before is what it remembers. */
export function newClock({ wallMs, monotonicMs }: TimeSources = systemTime): Clock {
  const aheadMs = wallMs() - monotonicMs()
  let latestMs = Number.NEGATIVE_INFINITY

  /** Remembered by both readings: what was removed as expired must not be taken for valid later. */
  function lookMs(): number {
    const nowMs = wallMs()
    latestMs = Math.max(latestMs, nowMs)
    return nowMs
  }

  return {
    forRefusing() {
      lookMs()
      return new Date(latestMs)
    },
    forRemoving: () => new Date(Math.floor(Math.min(lookMs(), aheadMs + monotonicMs()))),
  }
}
