// A count of the work in flight, for a shutdown that waits until none is left.

/** Counts work in flight. */
export interface InFlight {
  readonly count: number
  /** Counts work that has no promise; the returned function ends it, once. */
  enter(): () => void
  /** Counts `work` until it settles, and settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when no work is under way. */
  idle(): Promise<void>
}

/** Makes a counter at zero. */
export function inFlight(): InFlight {
  let count = 0
  let waiting: (() => void)[] = []

  function leave(): void {
    count -= 1
    if (count > 0) return
    for (const resolve of waiting) resolve()
    waiting = []
  }

  function enter(): () => void {
    count += 1
    let left = false
    return () => {
      if (!left) leave()
      left = true
    }
  }

  return {
    get count() {
      return count
    },
    enter,
    async run(work) {
      count += 1
      try {
        return await work()
      } finally {
        leave()
      }
    },
    idle: () => new Promise((resolve) => (count === 0 ? resolve() : waiting.push(resolve))),
  }
}
