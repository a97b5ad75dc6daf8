// A count of the work under way, for those who must wait until there is none.

export interface InFlight {
  readonly count: number
  /** Counts work that is no promise; what it returns ends that work, once. */
  enter(): () => void
  /** Runs `work` and settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when no work is under way. */
  idle(): Promise<void>
}

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
