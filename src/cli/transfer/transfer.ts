// Sends items over streams until each has a result. A broken stream, and an item that the server postpones, are retried on a
// new stream; only a server that answers nothing for too long ends the transfer.
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs, jittered } from '../../core/concurrency/backoff.js'
import { VaultError } from '../../core/errors.js'
import { type ItemResult, sendWindow, type TransferItem } from './send-window.js'
import type { Sender, TransferState } from './transfer-state.js'
import { runStream } from './transfer-stream.js'

/** An item and its result. */
export interface Settled<Item, Response> {
  item: Item
  result: ItemResult<Response>
}

const backoff = { firstMs: 100, maxMs: 3_000 }
/** The number of failed streams after which `onWaiting` is called. */
const noticedFailures = 2

/**
 * Yields results in the order of the items, in batches of those at hand. A batch leaves the window when the caller asks for
 * the next one. Throws the error that ends the transfer.
 */
export async function* transfer<Request, Response, Item extends TransferItem<Request>>(
  items: AsyncIterable<Item>,
  sender: Sender<Request, Response>,
): AsyncGenerator<Settled<Item, Response>[]> {
  const window = sendWindow<TransferItem<Request>, Response>()
  const stopping = new AbortController()
  const initial = { progressAt: performance.now(), failedStreams: 0, suspects: new Set<never>(), sourceEnded: false }
  const state: TransferState<Request, Response> = { sender, window, stopping, ...initial }
  let ended: { failure?: { cause: unknown } } | undefined
  void Promise.all([readItems(items, state), sendItems(state)])
    .then(
      () => {
        ended = {}
      },
      (cause: unknown) => {
        ended = { failure: { cause } }
      },
    )
    .finally(window.notify)
  try {
    for (;;) {
      const failure = ended?.failure
      const settled = window.settled({ inOrder: failure === undefined })
      if (settled.length > 0) {
        yield settled.map(({ item, result }) => ({ item, result }) as Settled<Item, Response>)
        window.remove(settled)
      } else if (failure) throw failure.cause
      else if (ended) return
      else await window.until(() => ended !== undefined || window.settled({ inOrder: true }).length > 0)
    }
  } finally {
    stopping.abort(new VaultError('CANCELLED'))
    window.notify()
  }
}

async function readItems<Request, Response>(
  items: AsyncIterable<TransferItem<Request>>,
  state: TransferState<Request, Response>,
): Promise<void> {
  const { window, stopping } = state
  for await (const item of items) {
    window.add(item)
    await window.until(() => window.hasRoom() || stopping.signal.aborted)
    if (stopping.signal.aborted) return
  }
  state.sourceEnded = true
  window.notify()
}

async function sendItems<Request, Response>(state: TransferState<Request, Response>): Promise<void> {
  const { window, sender, stopping } = state
  const isDone = () => state.sourceEnded && window.isSettled()
  const signal = AbortSignal.any([sender.signal, stopping.signal])
  for (;;) {
    await window.until(() => isDone() || window.waiting() !== undefined)
    if (isDone()) return
    const error = await runStream(state)
    if (error === undefined) continue
    if (performance.now() - state.progressAt >= sender.stallMs) throw error
    if (state.failedStreams === noticedFailures) sender.onWaiting(error)
    state.failedStreams += 1
    state.lastError = error
    const pauseMs = jittered(backoffMs(state.failedStreams, backoff))
    await sleep(Math.max(pauseMs, error.retryAfterMs ?? 0), undefined, { signal })
  }
}
