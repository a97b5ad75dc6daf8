// One request and its response (RFC 9113 section 5.1). Received bytes go to the observer at once, which extends the window
// as it consumes them. Sent bytes are queued until the peer's windows allow them.
import type { HeaderFields, StreamObserver, TransportStream } from '../transport.js'
import { encodeFields } from './hpack/encoder.js'
import { ConnectionError, defaultWindow, errorCodes, maxWindow, StreamError } from './protocol.js'
import type { Sender } from './sender.js'

/** The smallest window update we send, as each costs a frame. */
const minUpdateBytes = 16 * 1024
/** Approximate memory of a queued piece besides its bytes. */
const pieceOverhead = 64

interface StreamParts {
  id: number
  /** The announced size of the request body in bytes; undefined when the peer announced none. */
  contentLength: number | undefined
  sender: Sender
  /**
   * Called once, at the end. `byUs`: this side ended the stream, and the peer may not know it yet. `succeeded`: the
   * peer got a response that is not a refusal.
   */
  onClose(byUs: boolean, succeeded: boolean): void
}

/** A stream of a connection. */
export class Stream implements TransportStream {
  readonly id: number
  observer: StreamObserver | undefined
  /** The peer has sent END_STREAM: half-closed (remote). */
  remoteEnded = false
  /** When a complete response last made progress; undefined until the response is complete. */
  finishProgressAt: number | undefined
  readonly #sender: Sender
  readonly #onClose: StreamParts['onClose']
  #contentLeft: number | undefined
  /** Bytes the peer may still send, and bytes granted to it that no WINDOW_UPDATE has announced yet. */
  #receiveWindow = defaultWindow
  #unannounced = 0
  #sendWindow: number
  #queue: Buffer[] = []
  #queuedBytes = 0
  #trailers: Buffer | undefined
  #localEnded = false
  #closed = false
  #succeeded = false

  constructor({ id, contentLength, sender, onClose }: StreamParts) {
    this.id = id
    this.#sender = sender
    this.#onClose = onClose
    this.#contentLeft = contentLength
    this.#sendWindow = sender.peer.initialWindow
  }

  /** The same object for all streams of a connection. */
  get connection(): object {
    return this.#sender
  }

  /** Memory that queued bytes of the response occupy. */
  get unsentBytes(): number {
    return this.#queuedBytes + this.#queue.length * pieceOverhead
  }

  // ---- receiving

  /** Handles DATA; `size` includes padding. Throws StreamError. */
  receive(bytes: Buffer, size: number): void {
    if (this.remoteEnded) throw new StreamError(this.id, errorCodes.streamClosed)
    this.#receiveWindow -= size
    if (this.#receiveWindow < 0) throw new StreamError(this.id, errorCodes.flowControlError)
    if (this.#contentLeft !== undefined) this.#contentLeft -= bytes.length
    this.extendWindow(size - bytes.length)
    if (bytes.length > 0) this.observer?.onData(bytes)
  }

  /** Handles END_STREAM; throws StreamError when the body has not the announced size (section 8.1.1). */
  receiveEnd(): void {
    if (this.#closed) return
    if (this.#contentLeft) throw new StreamError(this.id, errorCodes.protocolError)
    this.remoteEnded = true
    this.observer?.onEnd()
    this.#closeIfDone()
  }

  /** Allows the peer to send this many bytes more; small amounts are announced together. */
  extendWindow(bytes: number): void {
    this.#unannounced += bytes
    if (this.#unannounced < minUpdateBytes || this.remoteEnded || this.#localEnded) return
    this.#receiveWindow += this.#unannounced
    this.#sender.windowUpdate(this.id, this.#unannounced)
    this.#unannounced = 0
  }

  // ---- sending

  /** Sends the header fields that begin a response. */
  sendHeaders(fields: HeaderFields): void {
    if (!this.#localEnded) this.#sender.responseHeaders(this.id, fields)
  }

  /** Queues bytes of the response body, which must not change afterwards. */
  send(...pieces: Buffer[]): void {
    if (this.#localEnded || this.#trailers !== undefined) return
    for (const piece of pieces) {
      this.#queue.push(piece)
      this.#queuedBytes += piece.length
    }
    this.pump()
  }

  /** Ends the response with these fields after all queued bytes. */
  finish(fields: HeaderFields, succeeded = false): void {
    if (this.#localEnded || this.#trailers !== undefined) return
    this.#trailers = encodeFields(fields)
    this.#succeeded = succeeded
    this.finishProgressAt = performance.now()
    this.pump()
  }

  /** Handles WINDOW_UPDATE; throws StreamError for an increment of 0 or a window that overflows. */
  grow(bytes: number): void {
    if (bytes === 0) throw new StreamError(this.id, errorCodes.protocolError)
    this.#sendWindow += bytes
    if (this.#sendWindow > maxWindow) throw new StreamError(this.id, errorCodes.flowControlError)
    this.pump()
  }

  /** Applies a changed initial window, after which the window may be negative (section 6.9.2). Throws ConnectionError. */
  resize(bytes: number): void {
    this.#sendWindow += bytes
    if (this.#sendWindow > maxWindow)
      throw new ConnectionError(errorCodes.flowControlError, 'a window beyond its maximum')
  }

  /** Sends as much of the queue as the windows allow. */
  pump(): void {
    const before = this.#queuedBytes
    for (let size = this.#room(); size > 0; size = this.#room()) this.#sendData(size)
    // With no window of its own left the stream need not wait for the connection: `grow` pumps it.
    if (this.#queuedBytes > 0 && this.#sendWindow > 0) this.#sender.addWaiting(this)
    if (this.#queuedBytes === 0 && this.#trailers !== undefined) this.#sendTrailers(this.#trailers)
    if (this.#queuedBytes < before) this.observer?.onDrain()
  }

  // ---- ending

  /** Resets the stream with INTERNAL_ERROR. */
  abort(): void {
    this.reset(errorCodes.internalError)
  }

  /** Ends the stream on both sides with RST_STREAM. */
  reset(code: number): void {
    this.#sender.reset(this.id, code)
    this.close(true)
  }

  /** Ends the stream without a frame; `byUs` if the peer may not know yet. */
  close(byUs = false): void {
    if (this.#closed) return
    this.#closed = true
    const { observer } = this
    const answered = this.#localEnded
    this.remoteEnded = true
    this.#localEnded = true
    this.#queue = []
    this.#queuedBytes = 0
    this.observer = undefined
    this.#onClose(byUs, answered && this.#succeeded)
    if (answered) observer?.onFinish()
    else observer?.onAbort()
  }

  #room(): number {
    return Math.min(this.#queuedBytes, this.#sendWindow, this.#sender.room)
  }

  #sendData(size: number): void {
    this.#sender.data(this.id, size)
    this.#sendWindow -= size
    this.#queuedBytes -= size
    if (this.finishProgressAt !== undefined) this.finishProgressAt = performance.now()
    for (let left = size; left > 0; ) left -= this.#appendFirst(left)
  }

  #appendFirst(maxBytes: number): number {
    const first = this.#queue[0] as Buffer
    if (first.length <= maxBytes) this.#queue.shift()
    else this.#queue[0] = first.subarray(maxBytes)
    const piece = first.subarray(0, maxBytes)
    this.#sender.append(piece)
    return piece.length
  }

  #sendTrailers(block: Buffer): void {
    if (this.#localEnded) return
    this.#sender.trailers(this.id, block)
    this.#localEnded = true
    this.#closeIfDone()
  }

  // A complete response makes the rest of the request pointless: RST_STREAM with NO_ERROR stops the peer (section 8.1).
  #closeIfDone(): void {
    if (!this.#localEnded) return
    if (this.remoteEnded) this.close()
    else this.reset(errorCodes.noError)
  }
}
