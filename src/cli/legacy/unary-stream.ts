// Unary calls in the form of a stream of items, so that `transfer` can retry and order them.

import type { CallOptions } from '../../core/client/client.js'
import { raceAbort } from '../../core/concurrency/abort.js'
import { VaultError } from '../../core/errors.js'
import type { Outcome } from '../../frontend/client.js'
import type { Requests, Sender } from '../transfer/transfer-state.js'
import { isTransient } from '../transfer/transient.js'

type Call<Request, Response> = (request: Request, options: CallOptions) => Promise<Response>

/**
 * The sender of a transfer that makes at most `maxAtOnce` calls at once. Its stream ends early after a transient error, and
 * rejects with an error that every other call would meet too.
 */
export function unaryStream<Request, Response>(
  call: Call<Request, Response>,
  maxAtOnce: number,
): Sender<Request, Response>['send'] {
  return async function* (requests, options) {
    const { signal = new AbortController().signal } = options
    const calls = callPool(requests, (record) => call(record, options), maxAtOnce)
    while (!calls.isDone()) {
      const outcome = await raceAbort(calls.step(), signal)
      if (outcome) yield outcome
    }
  }
}

function callPool<Request, Response>(
  requests: Requests<Request>,
  call: (record: Request) => Promise<Response>,
  maxAtOnce: number,
) {
  const source = requests[Symbol.asyncIterator]()
  /** By item id. An answered call stays until `step` returns it: several may be answered at once. */
  const calls = new Map<string, Promise<Outcome<Response>>>()
  let reading: ReturnType<typeof source.next>[] = []
  let isLast = false

  return {
    isDone: () => isLast && calls.size === 0,
    /** Waits for a request, which begins a call, or for the outcome of a call, which it returns. */
    async step(): Promise<Outcome<Response> | undefined> {
      const canBegin = !isLast && calls.size < maxAtOnce
      if (canBegin && reading.length === 0) reading = [source.next()]
      const next = await Promise.race([...calls.values(), ...reading])
      if ('itemId' in next) {
        calls.delete(next.itemId)
        isLast ||= next.error !== undefined && isTransient(next.error) // `transfer` retries on a new stream
        return next
      }
      reading = []
      if (next.done) isLast = true
      else if (!isLast) calls.set(next.value.itemId, outcomeOf(next.value, call))
      return undefined
    },
  }
}

async function outcomeOf<Request, Response>(
  { itemId, record }: { itemId: string; record: Request },
  call: (record: Request) => Promise<Response>,
): Promise<Outcome<Response>> {
  try {
    return { itemId, answer: await call(record) }
  } catch (thrown) {
    // An unknown error, or a method that the server does not offer, would fail every other item too.
    if (!(thrown instanceof VaultError) || thrown.kind === 'unsupported') throw thrown
    return { itemId, error: thrown }
  }
}
