// Work under way at once, so much and no more. The first failure ends it: what comes after is not begun.

export interface WorkWindow {
  /** Begins the work as soon as there is room, and resolves then; rejects once any work has failed. */
  add(work: () => Promise<void>): Promise<void>
  /** Resolves when all work is done; rejects as soon as any has failed. */
  drain(): Promise<void>
}

/** `failed` is told of the first failure at once, by whomever it is awaited. */
export function workWindow(max: number, failed: (error: unknown) => void): WorkWindow {
  let running = 0
  let failure: { cause: unknown } | undefined
  let changed = (): void => undefined

  function fail(cause: unknown): void {
    if (failure) return
    failure = { cause }
    failed(cause)
  }

  async function below(count: number): Promise<void> {
    while (running >= count && !failure) {
      await new Promise<void>((resolve) => {
        changed = resolve
      })
    }
    if (failure) throw failure.cause
  }

  return {
    async add(work) {
      await below(max)
      running += 1
      void work()
        .catch(fail)
        .finally(() => {
          running -= 1
          changed()
        })
    },
    drain: () => below(1),
  }
}
