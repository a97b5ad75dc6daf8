// Sends items over the streams of the front end until each has an outcome. A stream that breaks, and an item that the server
// puts off, are tried again on a new stream; only a server that answers nothing for too long ends it.
import { setTimeout as sleep } from 'node:timers/promises'
import { VaultError } from '../../core/errors.js'
import { type Item, type Outcome, sendWindow } from './send-window.js'
import type { Sender, Transfer } from './transfer-run.js'
import { oneStream } from './transfer-stream.js'

export interface Settled<Unit, Response> {
  item: Unit
  outcome: Outcome<Response>
}

const firstDelayMs = 100
const maxDelayMs = 3_000
const noticeable = 2

/** Yields outcomes in the order of the items, as many at a time as are there; what it yields no longer counts as in flight. */
export async function* transfer<Request, Response, Unit extends Item<Request>>(
  items: AsyncIterable<Unit>,
  sender: Sender<Request, Response>,
): AsyncGenerator<Settled<Unit, Response>[]> {
  const window = sendWindow<Item<Request>, Response>()
  const stopping = new AbortController()
  const begun = { movedAt: Date.now(), failures: 0, suspects: new Set<never>(), sourceEnded: false }
  const run: Transfer<Request, Response> = { sender, window, stopping, ...begun }
  let ended: { failure?: { cause: unknown } } | undefined
  void Promise.all([feed(items, run), drive(run)])
    .then(
      () => {
        ended = {}
      },
      (cause: unknown) => {
        ended = { failure: { cause } }
      },
    )
    .finally(window.changed)
  try {
    for (;;) {
      const failure = ended?.failure
      const settled = window.takeSettled({ inOrder: failure === undefined })
      if (settled.length > 0) {
        yield settled.map(({ item, outcome }) => ({ item, outcome }) as Settled<Unit, Response>)
        window.remove(settled)
      } else if (failure) throw failure.cause
      else if (ended) return
      else await window.until(() => ended !== undefined || window.takeSettled({ inOrder: true }).length > 0)
    }
  } finally {
    stopping.abort(new VaultError('CANCELLED'))
    window.changed()
  }
}

async function feed<Request, Response>(items: AsyncIterable<Item<Request>>, run: Transfer<Request, Response>) {
  const { window, stopping } = run
  for await (const item of items) {
    window.add(item)
    await window.until(() => window.hasRoom() || stopping.signal.aborted)
    if (stopping.signal.aborted) return
  }
  run.sourceEnded = true
  window.changed()
}

async function drive<Request, Response>(run: Transfer<Request, Response>): Promise<void> {
  const { window, sender, stopping } = run
  const isDone = () => run.sourceEnded && window.isSettled()
  const signal = AbortSignal.any([sender.signal, stopping.signal])
  for (;;) {
    await window.until(() => isDone() || window.waiting() !== undefined)
    if (isDone()) return
    const trouble = await oneStream(run)
    if (trouble === undefined) continue
    if (Date.now() - run.movedAt >= sender.patienceMs) throw trouble
    if (run.failures === noticeable) sender.waiting(trouble)
    const backoff = Math.min(maxDelayMs, firstDelayMs * 2 ** run.failures) * (0.5 + Math.random() / 2)
    run.failures += 1
    run.trouble = trouble
    await sleep(Math.max(backoff, trouble.retryAfterMs ?? 0), undefined, { signal })
  }
}
