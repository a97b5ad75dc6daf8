// One request and its answer (RFC 9113 section 5.1). What is sent waits for the peer's windows in a queue; what is received
// is handed on at once, and its sender is told to go on when whoever reads it says so.
import { ConnectionError, defaultWindow, errorCodes, largestWindow, StreamError } from './protocol.js'
import type { Sender } from './sender.js'

/** Of what may be sent again so much is gathered: telling it costs a frame. */
const creditBytes = 16 * 1024
/** What it takes to keep a piece that waits, about. */
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

interface StreamParts {
  id: number
  /** What the peer said it will send; undefined when it did not. */
  contentLength: number | undefined
  sender: Sender
  /** Told once, when the stream is over; `byUs` if the peer may not know yet, `isOk` if it was answered and not refused. */
  over(byUs: boolean, isOk: boolean): void
}

export class Stream {
  readonly id: number
  reader: StreamReader | undefined
  /** The peer has sent all. */
  remoteEnded = false
  /** When some of an answer that is complete was last sent; undefined while it is not complete. */
  finishedAt: number | undefined
  readonly #sender: Sender
  readonly #over: StreamParts['over']
  #contentLeft: number | undefined
  /** What the peer may send, and what it was not yet told that it may. */
  #receiveWindow = defaultWindow
  #credit = 0
  #sendWindow: number
  #queue: Buffer[] = []
  #queuedBytes = 0
  #trailers: Buffer | undefined
  #localEnded = false
  #closed = false
  #isOk = false

  constructor({ id, contentLength, sender, over }: StreamParts) {
    this.id = id
    this.#sender = sender
    this.#over = over
    this.#contentLeft = contentLength
    this.#sendWindow = sender.peer.initialWindow
  }

  /** What waits, and what it takes to keep it. */
  get unsentBytes(): number {
    return this.#queuedBytes + this.#queue.length * pieceOverhead
  }

  /** We have sent all. */
  get isAnswered(): boolean {
    return this.#localEnded
  }

  // ---- received

  /** DATA; `size` counts its padding too. */
  receive(bytes: Buffer, size: number): void {
    if (this.remoteEnded) throw new StreamError(this.id, errorCodes.streamClosed)
    this.#receiveWindow -= size
    if (this.#receiveWindow < 0) throw new StreamError(this.id, errorCodes.flowControlError)
    if (this.#contentLeft !== undefined) this.#contentLeft -= bytes.length
    this.allow(size - bytes.length)
    if (bytes.length > 0) this.reader?.data(bytes)
  }

  /** The peer ended the stream. */
  receiveEnd(): void {
    if (this.#closed) return
    if (this.#contentLeft) throw new StreamError(this.id, errorCodes.protocolError) // section 8.1.1
    this.remoteEnded = true
    this.reader?.ended()
    this.#endIfDone()
  }

  /** The peer may send so many bytes more. */
  allow(bytes: number): void {
    this.#credit += bytes
    if (this.#credit < creditBytes || this.remoteEnded || this.#localEnded) return
    this.#receiveWindow += this.#credit
    this.#sender.windowUpdate(this.id, this.#credit)
    this.#credit = 0
  }

  // ---- sent

  /** A block of header fields, the first of the answer. */
  sendHeaders(block: Buffer): void {
    if (!this.#localEnded) this.#sender.headers({ streamId: this.id, block, end: false })
  }

  send(...pieces: Buffer[]): void {
    if (this.#localEnded || this.#trailers !== undefined) return
    for (const piece of pieces) {
      this.#queue.push(piece)
      this.#queuedBytes += piece.length
    }
    this.pump()
  }

  /** The block of header fields that ends the answer, after all that is queued; `isOk` for one that is no refusal. */
  finish(trailers: Buffer, isOk = false): void {
    if (this.#localEnded || this.#trailers !== undefined) return
    this.#trailers = trailers
    this.#isOk = isOk
    this.finishedAt = performance.now()
    this.pump()
  }

  /** The peer's window has grown. */
  grow(bytes: number): void {
    if (bytes === 0) throw new StreamError(this.id, errorCodes.protocolError)
    this.#sendWindow += bytes
    if (this.#sendWindow > largestWindow) throw new StreamError(this.id, errorCodes.flowControlError)
    this.pump()
  }

  /** The peer's settings have changed the window, which may be less than nothing now (section 6.9.2). */
  resize(bytes: number): void {
    this.#sendWindow += bytes
    if (this.#sendWindow > largestWindow)
      throw new ConnectionError(errorCodes.flowControlError, 'a window beyond its bound')
  }

  /** Sends what the windows allow. */
  pump(): void {
    const before = this.#queuedBytes
    for (let size = this.#room(); size > 0; size = this.#room()) this.#sendData(size)
    // One that waits for its own window is pumped when that has grown.
    if (this.#queuedBytes > 0 && this.#sendWindow > 0) this.#sender.wait(this)
    if (this.#queuedBytes === 0 && this.#trailers !== undefined) this.#sendTrailers(this.#trailers)
    if (this.#queuedBytes < before) this.reader?.sent()
  }

  /** Ends the stream on both sides, and says so to the peer. */
  reset(code: number): void {
    this.#sender.reset(this.id, code)
    this.close(true)
  }

  /** The stream is gone, by the peer or with its connection; `byUs` if the peer may not know yet. */
  close(byUs = false): void {
    if (this.#closed) return
    this.#closed = true
    const { reader, isAnswered } = this
    this.remoteEnded = true
    this.#localEnded = true
    this.#queue = []
    this.#queuedBytes = 0
    this.reader = undefined
    this.#over(byUs, isAnswered && this.#isOk)
    if (!isAnswered) reader?.broken()
  }

  #room(): number {
    return Math.min(this.#queuedBytes, this.#sendWindow, this.#sender.room)
  }

  #sendData(size: number): void {
    this.#sender.data(this.id, size)
    this.#sendWindow -= size
    this.#queuedBytes -= size
    if (this.finishedAt !== undefined) this.finishedAt = performance.now()
    for (let left = size; left > 0; ) left -= this.#appendFirst(left)
  }

  #appendFirst(most: number): number {
    const first = this.#queue[0] as Buffer
    if (first.length <= most) this.#queue.shift()
    else this.#queue[0] = first.subarray(most)
    const piece = first.subarray(0, most)
    this.#sender.append(piece)
    return piece.length
  }

  #sendTrailers(block: Buffer): void {
    if (this.#localEnded) return
    this.#sender.headers({ streamId: this.id, block, end: true })
    this.#localEnded = true
    this.#endIfDone()
  }

  // A peer that goes on sending after it has its answer is told that nobody reads (section 8.1).
  #endIfDone(): void {
    if (!this.#localEnded) return
    if (this.remoteEnded) this.close()
    else this.reset(errorCodes.noError)
  }
}
