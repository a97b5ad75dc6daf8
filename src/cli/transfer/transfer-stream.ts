// One stream of a transfer: sends the items that wait and settles each answered one, until the stream ends or breaks.
import { VaultError } from '../../core/errors.js'
import { watchStall } from './stall-timeout.js'
import { handleBreak, type Requests, settleSlot, type TransferState } from './transfer-state.js'

interface StreamState {
  hasEnded: boolean
  /** The transient error after which this stream sends nothing more. */
  error?: VaultError | undefined
}

/** Runs one stream to its end. Returns a transient error, and throws any other. */
export async function runStream<Request, Response>(
  state: TransferState<Request, Response>,
): Promise<VaultError | undefined> {
  const { sender, window, stopping } = state
  const stream: StreamState = { hasEnded: false }
  const watch = watchStall(
    () => (state.failedStreams > 0 || window.inFlight().length > 0 ? state.progressAt : undefined),
    { stallMs: sender.stallMs, signal: AbortSignal.any([sender.signal, stopping.signal]) },
    () => (state.failedStreams > 0 ? state.lastError : undefined),
  )
  try {
    for await (const { itemId, answer, error } of sender.send(requests(state, stream), { signal: watch.signal })) {
      const slot = window.find(itemId)
      const result = error ? { error } : { answer: answer as Response }
      if (slot) stream.error = settleSlot(slot, result, state) ?? stream.error
    }
    if (window.inFlight().length > 0) stream.error ??= endedEarly()
  } catch (thrown) {
    stream.error = handleBreak(thrown, state) ?? stream.error
  } finally {
    watch.stop()
    stream.hasEnded = true
    for (const slot of window.inFlight()) slot.sent = false
    window.notify()
  }
  return stream.error
}

function endedEarly(): VaultError {
  return new VaultError('UNREACHABLE', { message: 'the server ended the stream before all answers' })
}

async function* requests<Request, Response>(
  state: TransferState<Request, Response>,
  stream: StreamState,
): Requests<Request> {
  const { window } = state
  const isDone = () =>
    stream.hasEnded || stream.error !== undefined || (state.sourceEnded && window.waiting() === undefined)
  while (!isDone()) {
    const slot = nextToSend(state)
    if (slot?.item.request === undefined) await window.nextChange()
    else {
      if (state.failedStreams === 0 && window.inFlight().length === 0) state.progressAt = performance.now()
      slot.sent = true
      yield { itemId: slot.id, record: slot.item.request }
    }
  }
}

function nextToSend<Request, Response>({ window, suspects }: TransferState<Request, Response>) {
  const sendsOneAtATime = suspects.size > 0 && window.inFlight().length > 0
  return sendsOneAtATime ? undefined : window.nextToSend()
}
