// The streams of a connection: the open ones, the recently closed ones, and the limit on new ones (RFC 9113 section 5.1).
import { ConnectionError, errorCodes, StreamError } from './protocol.js'
import type { Sender } from './sender.js'
import { Stream } from './stream.js'

/** How many closed streams are remembered: those we reset, and those that ended normally. */
const maxResets = 1024
const maxFinished = 64

/** Limits and event handlers of a connection's streams. */
export interface StreamsParts {
  sender: Sender
  /** Streams that may be open at once. */
  maxStreams: number
  /** A stream ended with a response that is not a refusal. */
  onSuccess(): void
  /** The last open stream ended. */
  onEmpty(): void
}

/** Opens, finds and closes streams by their id. */
export class Streams {
  readonly #parts: StreamsParts
  // A Map in constant use would promote every stream to old memory (docs/performance.md).
  readonly #open: Record<number, Stream> = {}
  #openCount = 0
  /** Streams we reset: the peer may have sent frames before it knew. */
  readonly #resets = new Set<number>()
  /** Streams the peer knows to be closed: a further frame is an error. */
  readonly #finished = new Set<number>()
  #lastId = 0
  #lastOpenedId = 0
  #refusesNew = false

  constructor(parts: StreamsParts) {
    this.#parts = parts
  }

  /** The highest id the peer has used. */
  get lastId(): number {
    return this.#lastId
  }

  /** The highest id that was opened and not refused. */
  get lastOpenedId(): number {
    return this.#lastOpenedId
  }

  /** The open streams, the oldest first. */
  get all(): Stream[] {
    return Object.values(this.#open)
  }

  /** True if no stream is open. */
  get isEmpty(): boolean {
    return this.#openCount === 0
  }

  /** Refuses every further stream. */
  refuseNew(): void {
    this.#refusesNew = true
  }

  /** Registers the id of a new stream; throws StreamError with REFUSED_STREAM when no more may be opened. */
  admit(streamId: number): void {
    this.#lastId = streamId
    if (this.#refusesNew || this.#openCount >= this.#parts.maxStreams)
      throw new StreamError(streamId, errorCodes.refusedStream)
  }

  /** Opens an admitted stream; `contentLength` is the announced size of its body. */
  open(streamId: number, contentLength: number | undefined): Stream {
    const { sender } = this.#parts
    const onClose = (byUs: boolean, succeeded: boolean) => {
      if (succeeded) this.#parts.onSuccess()
      this.#remove(stream, byUs)
    }
    const stream: Stream = new Stream({ id: streamId, contentLength, sender, onClose })
    this.#lastOpenedId = streamId
    this.#open[streamId] = stream
    this.#openCount += 1
    return stream
  }

  /** The stream of a DATA frame; undefined for one that was reset earlier. Throws ConnectionError for one that ended. */
  forData(streamId: number): Stream | undefined {
    if (this.#finished.has(streamId)) throw notOpen(streamId, errorCodes.streamClosed)
    return this.#open[streamId]
  }

  /** The stream of trailers; undefined for one that was reset recently. Throws ConnectionError for any other. */
  forTrailers(streamId: number): Stream | undefined {
    const stream = this.forData(streamId)
    if (stream === undefined && !this.#resets.has(streamId)) throw notOpen(streamId, errorCodes.protocolError)
    return stream
  }

  /** The stream, if it is open. */
  find(streamId: number): Stream | undefined {
    return this.#open[streamId]
  }

  /** Sends RST_STREAM, also for a stream that was never opened. */
  reset(streamId: number, code: number): void {
    const stream = this.#open[streamId]
    if (stream) return void stream.reset(code)
    this.#parts.sender.reset(streamId, code)
    this.#remember(streamId, true)
  }

  #remove(stream: Stream, byUs: boolean): void {
    delete this.#open[stream.id]
    this.#openCount -= 1
    this.#parts.sender.removeWaiting(stream)
    this.#remember(stream.id, byUs)
    if (this.isEmpty) this.#parts.onEmpty()
  }

  #remember(streamId: number, byUs: boolean): void {
    const [closed, max] = byUs ? [this.#resets, maxResets] : [this.#finished, maxFinished]
    closed.add(streamId)
    if (closed.size <= max) return
    const [oldest] = closed
    closed.delete(oldest as number)
  }
}

function notOpen(streamId: number, code: number): ConnectionError {
  return new ConnectionError(code, `stream ${streamId} is not open`)
}
