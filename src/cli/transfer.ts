// Sends items over the streams of the front end until each has an outcome. A stream that breaks, and an item that the server
// puts off, are tried again on a new stream; only a server that answers nothing for too long ends it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { CallOptions } from '../core/client.js'
import { VaultError } from '../core/errors.js'
import type { Outcome as ItemOutcome } from '../frontend/client.js'
import { type Item, type Outcome, type SendWindow, type Slot, sendWindow } from './send-window.js'

export interface Settled<Unit, Response> {
  item: Unit
  outcome: Outcome<Response>
}

type Requests<Request> = AsyncIterable<{ itemId: string; record: Request }>

export interface Sender<Request, Response> {
  /** One stream. */
  send(requests: Requests<Request>, options: CallOptions): AsyncIterable<ItemOutcome<Response>>
  /** How long the server may answer nothing. */
  patienceMs: number
  signal: AbortSignal
  /** Told once when it has to wait for the server. */
  waiting(error: VaultError): void
}

interface Transfer<Request, Response> {
  sender: Sender<Request, Response>
  window: SendWindow<Item<Request>, Response>
  stopping: AbortController
  /** When the server last moved, or was given something to move. */
  movedAt: number
  /** Streams in a row that brought nothing, and what became of the last of them. */
  failures: number
  trouble?: VaultError
  /** Sent one at a time: the stream broke on one of them, and nobody knows on which. */
  suspects: Set<Slot<Item<Request>, Response>>
  sourceEnded: boolean
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

/** Runs one stream to its end; returns what went wrong if that may pass, throws it if not. */
async function oneStream<Request, Response>(run: Transfer<Request, Response>): Promise<VaultError | undefined> {
  const { sender, window, stopping } = run
  const stream: Stream = { over: false }
  const stalled = new AbortController()
  const watch = setInterval(() => {
    if (Date.now() - run.movedAt < sender.patienceMs || window.inFlight().length === 0) return
    const message = `the server has answered nothing for ${sender.patienceMs / 1000} s`
    const known = run.failures > 0 ? run.trouble : undefined
    stalled.abort(known ?? new VaultError('DEADLINE_EXCEEDED', { message }))
  }, 200)
  try {
    const signal = AbortSignal.any([sender.signal, stopping.signal, stalled.signal])
    for await (const { itemId, answer, error } of sender.send(requests(run, stream), { signal })) {
      const slot = window.find(itemId)
      if (slot) stream.trouble = settle(slot, error ? { error } : { answer: answer as Response }, run) ?? stream.trouble
    }
    if (window.inFlight().length > 0) stream.trouble ??= new VaultError('UNREACHABLE')
  } catch (thrown) {
    stream.trouble = broken(thrown, run) ?? stream.trouble
  } finally {
    clearInterval(watch)
    stream.over = true
    for (const slot of window.inFlight()) slot.sent = false
    window.changed()
  }
  return stream.trouble
}

interface Stream {
  over: boolean
  trouble?: VaultError | undefined
}

async function* requests<Request, Response>(run: Transfer<Request, Response>, stream: Stream): Requests<Request> {
  const { window } = run
  const isOver = () =>
    stream.over || stream.trouble !== undefined || (run.sourceEnded && window.waiting() === undefined)
  while (!isOver()) {
    const slot = nextToSend(run)
    if (slot?.item.request === undefined) await nextChange(window)
    else {
      if (run.failures === 0 && window.inFlight().length === 0) run.movedAt = Date.now()
      slot.sent = true
      yield { itemId: slot.id, record: slot.item.request }
    }
  }
}

function nextToSend<Request, Response>({ window, suspects }: Transfer<Request, Response>) {
  const alone = suspects.size > 0 && window.inFlight().length > 0
  return alone ? undefined : window.nextToSend()
}

async function nextChange({ until }: { until(condition: () => boolean): Promise<void> }): Promise<void> {
  let changed = false
  await until(() => {
    const answer = changed
    changed = true
    return answer
  })
}

/** Gives a slot its outcome, or postpones it and returns why. */
function settle<Request, Response>(
  slot: Slot<Item<Request>, Response>,
  outcome: Outcome<Response>,
  run: Transfer<Request, Response>,
): VaultError | undefined {
  const { error } = outcome
  const { patienceMs } = run.sender
  const now = Date.now()
  if (error && mayPass(error)) {
    slot.postponedAt ??= now
    // Put off for that long while others went through: it is this item.
    const hopeless = now - slot.postponedAt >= patienceMs && run.movedAt > slot.postponedAt
    if (!hopeless) {
      slot.sent = false
      run.window.changed() // or nobody would end a stream on which nothing is left to send
      return error
    }
  }
  slot.outcome = outcome
  run.suspects.delete(slot)
  run.movedAt = now
  run.failures = 0
  run.window.changed()
  return undefined
}

const passing = new Set(['unavailable', 'exhausted', 'deadline', 'cancelled'])

/** Whether trying again later may help. */
export function mayPass({ kind, reason }: VaultError): boolean {
  return passing.has(kind) || reason === 'CONTENTION'
}

/** What a broken stream means: throws what ends the transfer, returns what may pass. */
function broken<Request, Response>(thrown: unknown, run: Transfer<Request, Response>): VaultError | undefined {
  const { window, sender, stopping, suspects } = run
  if (sender.signal.aborted || stopping.signal.aborted || !(thrown instanceof VaultError)) throw thrown
  const inFlight = window.inFlight()
  // Idle for so long that the server has ended it.
  if (thrown.reason === 'DEADLINE_EXCEEDED' && inFlight.length === 0) return undefined
  if (mayPass(thrown)) return thrown
  const [only] = inFlight
  if (thrown.kind !== 'invalid' || only === undefined) throw thrown
  // A message that one side finds too large breaks the stream for all: alone, the culprit is found.
  if (inFlight.length === 1) settle(only, { error: thrown }, run)
  else for (const slot of inFlight) suspects.add(slot)
  return undefined
}
