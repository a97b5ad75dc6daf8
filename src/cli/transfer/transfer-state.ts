// The state of a transfer, and how the answer for one item, or the break of a stream, changes it.
import type { CallOptions } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { Outcome } from '../../frontend/client.js'
import type { ItemResult, SendWindow, Slot, TransferItem } from './send-window.js'
import { isTransient } from './transient.js'

/** The requests of one stream. */
export type Requests<Request> = AsyncIterable<{ itemId: string; record: Request }>

/** How a transfer reaches the server. */
export interface Sender<Request, Response> {
  /** Opens one stream. */
  send(requests: Requests<Request>, options: CallOptions): AsyncIterable<Outcome<Response>>
  /** How long the server may answer nothing, in milliseconds. */
  stallMs: number
  signal: AbortSignal
  /** Called when the transfer has to wait for the server, once for each wait. */
  onWaiting(error: VaultError): void
}

/** What a transfer knows while it runs. Times are those of `performance.now()`. */
export interface TransferState<Request, Response> {
  sender: Sender<Request, Response>
  window: SendWindow<TransferItem<Request>, Response>
  stopping: AbortController
  /** When the server last answered, or got a request after an idle time. */
  progressAt: number
  /** The number of streams since the last answer. */
  failedStreams: number
  /** The error of the last failed stream. */
  lastError?: VaultError
  /** Items of which one broke a stream. They are sent one at a time, to find that one. */
  suspects: Set<Slot<TransferItem<Request>, Response>>
  sourceEnded: boolean
}

/** Gives a slot its result. A transient error postpones the slot instead, and is returned. */
export function settleSlot<Request, Response>(
  slot: Slot<TransferItem<Request>, Response>,
  result: ItemResult<Response>,
  state: TransferState<Request, Response>,
): VaultError | undefined {
  const { error } = result
  const now = performance.now()
  if (error && isTransient(error)) {
    slot.postponedAt ??= now
    // Other items went through while this one was postponed for that long: the item is the cause.
    const isHopeless = now - slot.postponedAt >= state.sender.stallMs && state.progressAt > slot.postponedAt
    if (!isHopeless) {
      slot.sent = false
      state.window.notify() // ends a stream that has nothing left to send
      return error
    }
  }
  slot.result = result
  state.suspects.delete(slot)
  state.progressAt = now
  state.failedStreams = 0
  state.window.notify()
  return undefined
}

/** Handles the error that broke a stream: throws an error that ends the transfer, returns a transient one. */
export function handleBreak<Request, Response>(
  thrown: unknown,
  state: TransferState<Request, Response>,
): VaultError | undefined {
  const { window, sender, stopping, suspects } = state
  if (sender.signal.aborted || stopping.signal.aborted || !(thrown instanceof VaultError)) throw thrown
  const inFlight = window.inFlight()
  // The server has closed an idle stream.
  if (thrown.reason === 'DEADLINE_EXCEEDED' && inFlight.length === 0) return undefined
  if (isTransient(thrown)) return thrown
  const [only] = inFlight
  if (thrown.kind !== 'invalid' || only === undefined) throw thrown
  // A message that one side finds too large breaks the stream of all items. Sent alone, that item is found.
  if (inFlight.length === 1) settleSlot(only, { error: thrown }, state)
  else for (const slot of inFlight) suspects.add(slot)
  return undefined
}
