// One stream of a transfer: sends what waits, and gives each answer to its item, until the stream ends or breaks.
import { VaultError } from '../../core/errors.js'
import { broken, settle } from './transfer-outcome.js'
import type { Requests, Stream, Transfer } from './transfer-run.js'

/** Runs one stream to its end; returns what went wrong if that may pass, throws it if not. */
export async function oneStream<Request, Response>(run: Transfer<Request, Response>): Promise<VaultError | undefined> {
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
