// Cancellation: waits and iterations that end when a signal aborts, although the awaited work goes on.
import type { CallSignal } from './call-signal.js'

/** Settles as `promise` does, or rejects with the signal's reason if it aborts first. Leaves no listener behind. */
export function raceAbort<T>(promise: Promise<T>, signal: CallSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Yields the items until the signal aborts. The source is then closed, but not awaited, as it may itself be waiting. */
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

/** A signal that aborts with the call or by `abort`. `leave` removes its listener from the call, and must follow the work. */
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
