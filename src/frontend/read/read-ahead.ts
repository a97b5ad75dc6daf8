// Fetches a few of many pieces before they are asked for, in their order.

import { linkedSignal } from '../../core/abort.js'
import type { CallContext } from '../../core/methods.js'

/** Yields each piece with what was fetched for it; at most `ahead` more are under way or wait. */
export async function* readAhead<Piece, Fetched>(
  pieces: Iterable<Piece>,
  { ahead, fetch }: { ahead: number; fetch(piece: Piece, call: CallContext): Promise<Fetched> },
  call: CallContext,
): AsyncGenerator<[Piece, Fetched], void, undefined> {
  const { signal, abort, leave } = linkedSignal(call.signal)
  const source = pieces[Symbol.iterator]()
  const underWay: [Piece, Promise<Fetched>][] = []

  function begin(): void {
    const { done, value } = source.next()
    if (done) return
    const fetched = fetch(value, { ...call, signal })
    fetched.catch(() => undefined) // it is awaited when its turn comes, if that comes
    underWay.push([value, fetched])
  }

  try {
    for (let begun = 0; begun <= ahead; begun += 1) begin()
    for (let next = underWay.shift(); next !== undefined; next = underWay.shift()) {
      const [piece, fetched] = next
      yield [piece, await fetched]
      begin()
    }
  } finally {
    leave()
    abort(undefined) // whoever reads no more wants no more
  }
}
