// Read-ahead: fetches a few items before they are asked for, and yields them in order.

import { linkedSignal } from '../../core/concurrency/abort.js'
import type { CallContext } from '../../core/methods.js'

/**
 * Yields each item with the result of its fetch, while at most `ahead` more fetches are pending or done. Leaving the loop
 * cancels the fetches under way.
 */
export async function* readAhead<Item, Fetched>(
  items: Iterable<Item>,
  { ahead, fetch }: { ahead: number; fetch(item: Item, call: CallContext): Promise<Fetched> },
  call: CallContext,
): AsyncGenerator<[Item, Fetched], void, undefined> {
  const { signal, abort, leave } = linkedSignal(call.signal)
  const source = items[Symbol.iterator]()
  const pending: [Item, Promise<Fetched>][] = []

  function startNext(): void {
    const { done, value } = source.next()
    if (done) return
    const fetched = fetch(value, { ...call, signal })
    fetched.catch(() => undefined) // a failure shows when the item is yielded, if it ever is
    pending.push([value, fetched])
  }

  try {
    for (let started = 0; started <= ahead; started += 1) startNext()
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      const [item, fetched] = next
      yield [item, await fetched]
      startNext()
    }
  } finally {
    leave()
    abort(undefined)
  }
}
