// Bounded concurrency: a semaphore, and a loop over items that runs a bounded number of tasks at once.

/** Gives a permit back; calling it again has no effect. */
export type Release = () => void

/** Bounds the work that runs at once. */
export interface Semaphore {
  /** True while a permit is free. */
  isFree(): boolean
  /** Takes a permit; undefined when none is free. */
  tryAcquire(): Release | undefined
  /** Resolves with a permit; waiters are served in the order of their calls. */
  acquire(): Promise<Release>
  /** Runs `work` under a permit, and settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** A semaphore of `max` permits. `freed` is called when a returned permit has no waiter. */
export function semaphore(max: number, freed: () => void = () => undefined): Semaphore {
  const waiting: ((release: Release) => void)[] = []
  let free = max

  function permit(): Release {
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = waiting.shift()
      if (next) return next(permit())
      free += 1
      freed()
    }
  }

  function tryAcquire(): Release | undefined {
    if (free === 0) return undefined
    free -= 1
    return permit()
  }

  const acquire = async () => tryAcquire() ?? new Promise<Release>((resolve) => waiting.push(resolve))
  return {
    isFree: () => free > 0,
    tryAcquire,
    acquire,
    async run(work) {
      const release = await acquire()
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}

/**
 * Calls `work` for each item, at most `max` calls at once. Rejects with the first failure once the calls under way have
 * settled, and begins no call after it.
 */
export async function forEachLimit<T>(
  items: Iterable<T>,
  max: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const source = items[Symbol.iterator]()
  let failure: { cause: unknown } | undefined
  const worker = async () => {
    for (let next = source.next(); !next.done && !failure; next = source.next()) {
      await work(next.value).catch((cause: unknown) => {
        failure ??= { cause }
      })
    }
  }
  await Promise.all(Array.from({ length: max }, worker))
  if (failure) throw failure.cause
}
