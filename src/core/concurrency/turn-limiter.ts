// A rate limit per turn of the event loop. Without it, work that arrives together is done together, and no result leaves
// before all of it is done: the next server is idle until then, and afterwards this one waits for it. The limits on
// calls and on their items also bound this queue.

const workPerTurn = 16

/** Spreads work over the turns of the event loop, in the order of the calls. */
export interface TurnLimiter {
  /** Resolves when the work may begin; undefined if it may begin at once. */
  turn(): Promise<void> | undefined
}

/** Makes a limiter that lets `perTurn` pieces of work begin in each turn. */
export function turnLimiter(perTurn = workPerTurn): TurnLimiter {
  const waiting: (() => void)[] = []
  let begun = 0
  let counting = false

  function count(): void {
    begun += 1
    if (counting) return
    counting = true
    setImmediate(nextTurn)
  }

  function nextTurn(): void {
    counting = false
    begun = 0
    for (const begin of waiting.splice(0, perTurn)) {
      count()
      begin()
    }
  }

  return {
    turn() {
      if (begun >= perTurn || waiting.length > 0) return new Promise<void>((resolve) => waiting.push(resolve))
      count()
      return undefined
    },
  }
}
