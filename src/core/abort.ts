// Waiting that ends when a signal aborts, whatever is waited for.
import type { CallSignal } from './call-signal.js'

/** The promise, unless the signal aborts first; leaves no listener behind. */
export function raceAbort<T>(promise: Promise<T>, signal: CallSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** The items, until the signal aborts; their source is let go then, though it may be waiting for something itself. */
export async function* abortableIterable<T>(items: AsyncIterable<T>, signal: CallSignal): AsyncGenerator<T> {
  const source = items[Symbol.asyncIterator]()
  let ended = false
  try {
    for (;;) {
      const next = await raceAbort(source.next(), signal)
      ended = next.done === true
      if (next.done) return
      yield next.value
    }
  } finally {
    if (!ended) void source.return?.().catch(() => undefined)
  }
}

/** A signal that aborts with the call's, or by itself; to be left when the work is done. */
export function linkedSignal(call: CallSignal): { signal: AbortSignal; abort(reason: unknown): void; leave(): void } {
  const controller = new AbortController()
  const end = () => controller.abort(call.reason)
  if (call.aborted) end()
  call.addEventListener('abort', end, { once: true })
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    leave: () => call.removeEventListener('abort', end),
  }
}
