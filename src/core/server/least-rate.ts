// A least rate of a transfer. Only the time counts in which the server waits for the caller, so that a slow store is no fault of
// the caller; a caller that trickles bytes would otherwise hold its place without end.

/** The rate, and the waiting time over which it is measured. */
export interface LeastRate {
  bytesPerSecond: number
  windowMs: number
}

/** What is measured, and what happens below the rate. */
export interface LeastRateParts {
  /** All bytes that the caller has sent or taken. */
  movedBytes(): number
  /** Called at most once. */
  tooSlow(): void
  /** In milliseconds. */
  now?: () => number
}

/** Measures the rate while something is awaited from the caller. */
export interface RateMeter {
  during<T>(awaited: Promise<T>): Promise<T>
}

/** A meter that begins now. */
export function rateMeter(
  { bytesPerSecond, windowMs }: LeastRate,
  { movedBytes, tooSlow, now = () => performance.now() }: LeastRateParts,
): RateMeter {
  let waitedMs = 0
  let movedBefore = 0
  let isOver = false

  function check(): void {
    const moved = movedBytes()
    if (moved - movedBefore < (bytesPerSecond * waitedMs) / 1000) {
      isOver = true
      tooSlow()
    }
    movedBefore = moved
    waitedMs = 0
  }

  return {
    async during(awaited) {
      let since = now()
      let timer: NodeJS.Timeout | undefined
      const count = () => {
        waitedMs += now() - since
        since = now()
        if (waitedMs >= windowMs) check()
      }
      const watch = () => {
        count()
        if (!isOver) timer = setTimeout(watch, windowMs - waitedMs)
      }
      if (!isOver) timer = setTimeout(watch, windowMs - waitedMs)
      try {
        return await awaited
      } finally {
        clearTimeout(timer)
        if (!isOver) count()
      }
    },
  }
}
