// The streams of a connection: which are open, which were, and which can be opened.
import { ConnectionError, errorCodes, StreamError } from './protocol.js'
import type { Sender } from './sender.js'
import { Stream } from './stream.js'

/** Of those that are over, so many are remembered: that we reset, and that ended as they should. */
const maxResets = 1024
const maxFinished = 64

export interface StreamsParts {
  sender: Sender
  /** Open at once. */
  maxStreams: number
  /** One is over that was answered, and not refused. */
  answered(): void
  /** The last one that was open is over. */
  emptied(): void
}

export class Streams {
  readonly #parts: StreamsParts
  readonly #open: Record<number, Stream> = {} // no Map (CONTRIBUTING.md)
  #openCount = 0
  /** A frame for one of these may have been on its way. */
  readonly #resets = new Set<number>()
  /** A frame for one of these is a mistake. */
  readonly #finished = new Set<number>()
  #lastId = 0
  #lastOpenedId = 0
  #closed = false

  constructor(parts: StreamsParts) {
    this.#parts = parts
  }

  get lastId(): number {
    return this.#lastId
  }

  /** The last one that was not refused. */
  get lastOpenedId(): number {
    return this.#lastOpenedId
  }

  get all(): Stream[] {
    return Object.values(this.#open)
  }

  get isEmpty(): boolean {
    return this.#openCount === 0
  }

  /** Refuses every stream that is opened from now on. */
  refuseNew(): void {
    this.#closed = true
  }

  /** Takes note of a new stream; throws StreamError when there cannot be another. */
  admit(streamId: number): void {
    this.#lastId = streamId
    if (this.#closed || this.#openCount >= this.#parts.maxStreams)
      throw new StreamError(streamId, errorCodes.refusedStream)
  }

  /** Opens the stream that was admitted. */
  open(streamId: number, contentLength: number | undefined): Stream {
    const { sender } = this.#parts
    const over = (byUs: boolean, isOk: boolean) => {
      if (isOk) this.#parts.answered()
      this.#end(stream, byUs)
    }
    const stream: Stream = new Stream({ id: streamId, contentLength, sender, over })
    this.#lastOpenedId = streamId
    this.#open[streamId] = stream
    this.#openCount += 1
    return stream
  }

  /** The stream of DATA; undefined for one that was reset, if only long ago. Throws ConnectionError. */
  forData(streamId: number): Stream | undefined {
    if (this.#finished.has(streamId)) throw notOpen(streamId, errorCodes.streamClosed)
    return this.#open[streamId]
  }

  /** The stream of HEADERS that are not its first; undefined for one that was reset lately. Throws ConnectionError. */
  forTrailers(streamId: number): Stream | undefined {
    const stream = this.forData(streamId)
    if (stream === undefined && !this.#resets.has(streamId)) throw notOpen(streamId, errorCodes.protocolError)
    return stream
  }

  /** The stream, if it is open. */
  find(streamId: number): Stream | undefined {
    return this.#open[streamId]
  }

  /** Resets a stream, also one that was not opened. */
  reset(streamId: number, code: number): void {
    const stream = this.#open[streamId]
    if (stream) return void stream.reset(code)
    this.#parts.sender.reset(streamId, code)
    this.#remember(streamId, true)
  }

  #end(stream: Stream, byUs: boolean): void {
    delete this.#open[stream.id]
    this.#openCount -= 1
    this.#parts.sender.stopWaiting(stream)
    this.#remember(stream.id, byUs)
    if (this.isEmpty) this.#parts.emptied()
  }

  #remember(streamId: number, byUs: boolean): void {
    const [ended, max] = byUs ? [this.#resets, maxResets] : [this.#finished, maxFinished]
    ended.add(streamId)
    if (ended.size <= max) return
    const [oldest] = ended
    ended.delete(oldest as number)
  }
}

function notOpen(streamId: number, code: number): ConnectionError {
  return new ConnectionError(code, `stream ${streamId} is not open`)
}
