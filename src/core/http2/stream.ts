// One request and its answer (RFC 9113 section 5.1). What is sent waits for the peer's windows in a queue; what is received
// is handed on at once, and its sender is told to go on when whoever reads it says so.
import type { Connection } from './connection.js'
import { defaultWindow, errorCodes, flags, frameTypes, largestWindow, StreamError } from './protocol.js'

const pieceOverhead = 64

/** Whoever answers the request. */
export interface StreamReader {
  data(bytes: Buffer): void
  /** The peer has sent all. */
  ended(): void
  /** Some of the answer has gone out. */
  sent(): void
  /** The stream is gone before its end was sent. */
  broken(): void
}

export interface StreamHead {
  id: number
  /** What the peer said it will send; undefined when it did not. */
  contentLength: number | undefined
}

export class Stream {
  readonly id: number
  reader: StreamReader | undefined
  /** The peer has sent all. */
  remoteEnded = false
  /** We have sent all. */
  localEnded = false
  /** When the answer was complete, though it may not have been sent. */
  finishedAt: number | undefined
  readonly #connection: Connection
  #contentLeft: number | undefined
  /** What the peer may still send, and what it was not yet allowed to send again. */
  #receiveWindow = defaultWindow
  #sendWindow: number
  #queue: Buffer[] = []
  #queuedBytes = 0
  #trailers: Buffer | undefined

  constructor(connection: Connection, { id, contentLength }: StreamHead) {
    this.id = id
    this.#connection = connection
    this.#contentLeft = contentLength
    this.#sendWindow = connection.peer.initialWindow
  }

  /** What waits, and what it takes to keep it. */
  get unsentBytes(): number {
    return this.#queuedBytes + this.#queue.length * pieceOverhead
  }

  // ---- received

  /** DATA; `size` counts its padding too. */
  receive(bytes: Buffer, size: number): void {
    if (this.remoteEnded) throw new StreamError(this.id, errorCodes.streamClosed)
    this.#receiveWindow -= size
    if (this.#receiveWindow < 0) throw new StreamError(this.id, errorCodes.flowControlError)
    if (this.#contentLeft !== undefined) this.#contentLeft -= bytes.length
    if (size > bytes.length) this.allow(size - bytes.length)
    if (bytes.length > 0) this.reader?.data(bytes)
  }

  /** The peer ended the stream. */
  receiveEnd(): void {
    if (this.#contentLeft) throw new StreamError(this.id, errorCodes.protocolError) // section 8.1.1
    this.remoteEnded = true
    this.reader?.ended()
    this.#closeIfDone()
  }

  /** The peer may send so many bytes more. */
  allow(bytes: number): void {
    if (bytes <= 0 || this.remoteEnded || this.localEnded) return
    this.#receiveWindow += bytes
    this.#connection.sendWindowUpdate(this.id, bytes)
  }

  // ---- sent

  /** A block of header fields, the first of the answer. */
  sendHeaders(block: Buffer): void {
    if (!this.localEnded) this.#connection.sendHeaders({ streamId: this.id, block, end: false })
  }

  send(...pieces: Buffer[]): void {
    if (this.localEnded) return
    for (const piece of pieces) {
      this.#queue.push(piece)
      this.#queuedBytes += piece.length
    }
    this.pump()
  }

  /** The block of header fields that ends the answer, after all that is queued. */
  finish(trailers: Buffer): void {
    if (this.localEnded || this.#trailers !== undefined) return
    this.#trailers = trailers
    this.finishedAt = Date.now()
    this.pump()
  }

  /** The peer's window has grown, or its settings have changed it. */
  grow(bytes: number): void {
    this.#sendWindow += bytes
    if (this.#sendWindow > largestWindow) throw new StreamError(this.id, errorCodes.flowControlError)
    this.pump()
  }

  /** Sends what the windows allow. */
  pump(): void {
    const before = this.#queuedBytes
    for (let size = this.#sendable(); size > 0; size = this.#sendable()) this.#sendData(size)
    if (this.#queuedBytes > 0) this.#waitForConnection()
    else if (this.#trailers !== undefined) this.#sendTrailers(this.#trailers)
    if (this.#queuedBytes < before) this.reader?.sent()
  }

  /** Ends the stream on both sides, and says so to the peer. */
  reset(code: number): void {
    this.#connection.resetStream(this, code)
  }

  /** The stream is gone; only the connection says that. */
  close(): void {
    const whole = this.localEnded
    this.remoteEnded = true
    this.localEnded = true
    this.#queue = []
    this.#queuedBytes = 0
    if (!whole) this.reader?.broken()
    this.reader = undefined
  }

  // One that waits for its own window is told when that has grown.
  #waitForConnection(): void {
    if (this.#sendWindow > 0) this.#connection.waiting.add(this)
  }

  #sendable(): number {
    return Math.min(this.#queuedBytes, this.#sendWindow, this.#connection.sendable())
  }

  #sendData(size: number): void {
    const { output } = this.#connection
    output.head({ type: frameTypes.data, flags: flags.none, streamId: this.id, size })
    this.#sendWindow -= size
    this.#queuedBytes -= size
    this.#connection.spend(size)
    for (let left = size; left > 0; ) left -= this.#appendFirst(left)
  }

  #appendFirst(most: number): number {
    const first = this.#queue[0] as Buffer
    if (first.length <= most) this.#queue.shift()
    else this.#queue[0] = first.subarray(most)
    const piece = first.subarray(0, most)
    this.#connection.output.append(piece)
    return piece.length
  }

  #sendTrailers(block: Buffer): void {
    this.#connection.sendHeaders({ streamId: this.id, block, end: true })
    this.localEnded = true
    this.#closeIfDone()
  }

  // A peer that goes on sending after it has its answer is told that nobody reads (section 8.1).
  #closeIfDone(): void {
    if (!this.localEnded) return
    if (this.remoteEnded) this.#connection.forget(this)
    else this.reset(errorCodes.noError)
  }
}
