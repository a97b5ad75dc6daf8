// Spreads work over the turns of the event loop. What arrives at once would else be worked on at once, and nothing that is
// made of it leaves before all of it is done: those it goes to wait for us, and then we for them. What bounds the number of
// calls and of their items bounds what waits here.

const workPerTurn = 16

export interface TurnLimiter {
  /** When to begin: now, or in a later turn when many have begun in this one; in the order they ask. */
  turn(): Promise<void> | undefined
}

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
