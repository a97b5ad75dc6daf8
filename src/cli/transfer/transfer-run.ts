// What a transfer is told, and what it knows while it runs.
import type { CallOptions } from '../../core/client/client.js'
import type { VaultError } from '../../core/errors.js'
import type { Outcome as ItemOutcome } from '../../frontend/client.js'
import type { Item, SendWindow, Slot } from './send-window.js'

export type Requests<Request> = AsyncIterable<{ itemId: string; record: Request }>

export interface Sender<Request, Response> {
  /** One stream. */
  send(requests: Requests<Request>, options: CallOptions): AsyncIterable<ItemOutcome<Response>>
  /** How long the server may answer nothing. */
  patienceMs: number
  signal: AbortSignal
  /** Told once when it has to wait for the server. */
  waiting(error: VaultError): void
}

export interface Transfer<Request, Response> {
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

export interface Stream {
  over: boolean
  trouble?: VaultError | undefined
}
