// The streams of a connection: which are open, which were, and which can be opened.
import { ConnectionError, errorCodes, StreamError } from './protocol.js'
import type { Sender } from './sender.js'
import { Stream } from './stream.js'

/** Of those that are over, so many are remembered. */
const maxEnded = 1024

export interface StreamsParts {
  sender: Sender
  /** Open at once. */
  maxStreams: number
  /** The last one that was open is over. */
  emptied(): void
}

export class Streams {
  readonly #parts: StreamsParts
  readonly #open = new Map<number, Stream>()
  /** Whether it was us who ended it: then a frame for it may have been on its way, else it is a mistake. */
  readonly #endedByUs = new Map<number, boolean>()
  #lastId = 0
  #closed = false

  constructor(parts: StreamsParts) {
    this.#parts = parts
  }

  get lastId(): number {
    return this.#lastId
  }

  get all(): Stream[] {
    return [...this.#open.values()]
  }

  get isEmpty(): boolean {
    return this.#open.size === 0
  }

  /** Refuses every stream that is opened from now on. */
  refuseNew(): void {
    this.#closed = true
  }

  /** Takes note of a new stream; throws StreamError when there cannot be another. */
  admit(streamId: number): void {
    this.#lastId = streamId
    if (this.#closed || this.#open.size >= this.#parts.maxStreams)
      throw new StreamError(streamId, errorCodes.refusedStream)
  }

  /** Opens the stream that was admitted. */
  open(streamId: number, contentLength: number | undefined): Stream {
    const { sender } = this.#parts
    const stream = new Stream({ id: streamId, contentLength, sender, over: (byUs) => this.#end(stream, byUs) })
    this.#open.set(streamId, stream)
    return stream
  }

  /** The stream of a frame; undefined for one that is over and whose peer need not have known. Throws ConnectionError. */
  get(streamId: number): Stream | undefined {
    const stream = this.#open.get(streamId)
    if (stream !== undefined || this.#endedByUs.get(streamId) === true) return stream
    const code = this.#endedByUs.has(streamId) ? errorCodes.streamClosed : errorCodes.protocolError
    throw new ConnectionError(code, `stream ${streamId} is not open`)
  }

  /** The stream, if it is open. */
  find(streamId: number): Stream | undefined {
    return this.#open.get(streamId)
  }

  /** Resets a stream, also one that was not opened. */
  reset(streamId: number, code: number): void {
    const stream = this.#open.get(streamId)
    if (stream) return void stream.reset(code)
    this.#parts.sender.reset(streamId, code)
    this.#remember(streamId, true)
  }

  #end(stream: Stream, byUs: boolean): void {
    this.#open.delete(stream.id)
    this.#parts.sender.stopWaiting(stream)
    this.#remember(stream.id, byUs)
    if (this.isEmpty) this.#parts.emptied()
  }

  #remember(streamId: number, byUs: boolean): void {
    this.#endedByUs.set(streamId, byUs)
    if (this.#endedByUs.size <= maxEnded) return
    const [oldest] = this.#endedByUs.keys()
    this.#endedByUs.delete(oldest as number)
  }
}
