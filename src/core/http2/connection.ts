// A server's HTTP/2 connection (RFC 9113): its preface, its frames, its graceful and its forced end.
import type { Socket } from 'node:net'
import type { ConnectionFailure, TransportParts } from '../transport.js'
import { FrameReader } from './frame-reader.js'
import type { OpenPace, OwnPace } from './open-pace.js'
import { CompressionError, ConnectionError, defaultWindow, errorCodes, preface, settings } from './protocol.js'
import { rateLimits } from './rate-limit.js'
import { Receiver } from './receiver.js'
import { Sender } from './sender.js'
import type { Stream } from './stream.js'
import { Streams } from './streams.js'

/** The socket, limits and event handlers of a connection. */
export interface ConnectionParts
  extends Pick<TransportParts, 'maxStreams' | 'callers' | 'onRequest' | 'onInternalError'> {
  socket: Socket
  /** Shared by all connections of a server. */
  pace: OpenPace
  onClose(): void
  /** The peer broke the protocol, which ends the connection and all its streams. */
  onFailure(failure: ConnectionFailure): void
}

const windowBytes = 1024 * 1024
const maxHeaderListBytes = 16 * 1024
/** How long a peer may keep its side open after we have closed ours. */
const closeMs = 3_000
/** How long a peer has to answer the PING that follows the first GOAWAY. */
const drainPingMs = 1_000
const maxStreamId = 2 ** 31 - 1
const noBytes = Buffer.alloc(0)
const drainPing = Buffer.from('draining')

/** A connection with a peer. */
export class Connection {
  /** When bytes were last received, by `performance.now()`. */
  lastReadAt = performance.now()
  readonly #parts: ConnectionParts
  readonly #sender: Sender
  readonly #streams: Streams
  readonly #receiver: Receiver
  readonly #frames: FrameReader
  readonly #ownPace: OwnPace = { turn: -1, opened: 0 }
  #prefaceLeft = preface
  /** Received bytes that wait for the next turn. */
  #unread: Buffer | undefined
  #draining = false
  #refusing = false
  #ended = false

  constructor(parts: ConnectionParts) {
    const { socket, maxStreams, callers, pace } = parts
    this.#parts = parts
    const sender = new Sender(socket, () => this.#unread || socket.resume())
    const [onSuccess, onEmpty] = [() => this.#receiver.creditSuccess(), () => this.#endIfDone()]
    const streams = new Streams({ sender, maxStreams, onSuccess, onEmpty })
    const onPingAck = (payload: Buffer) => payload.equals(drainPing) && this.#refuseNew()
    const limits = { maxHeaderListBytes, windowBytes, rateLimits: rateLimits[callers] }
    this.#sender = sender
    this.#streams = streams
    const onRequest: ConnectionParts['onRequest'] = (stream, headers) => {
      pace.count(this.#ownPace)
      parts.onRequest(stream, headers)
    }
    this.#receiver = new Receiver({ ...limits, sender, streams, onPingAck, onRequest })
    this.#frames = new FrameReader(
      (frame) => this.#receiver.handle(frame),
      () => pace.mustWait(this.#ownPace),
    )
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => undefined) // 'close' follows
    socket.once('close', () => this.#closed())
    this.#sendPreface()
  }

  /** True after the peer's preface and SETTINGS. */
  get isEstablished(): boolean {
    return this.#receiver.hasSettings
  }

  /** The open streams. */
  get streams(): Stream[] {
    return this.#streams.all
  }

  /** Sends PING; the answer updates `lastReadAt`. */
  ping(): void {
    this.#sender.ping(Buffer.alloc(8))
  }

  /** Frees output memory that holds nothing unsent. */
  releaseBuffers(): void {
    this.#sender.releaseBuffers()
  }

  /** Asks the peer to open no more streams, then refuses new ones, and ends after the last open one (section 6.8). */
  drain(): void {
    if (this.#draining) return
    this.#draining = true
    if (this.isEstablished) this.#announceDrain()
    else this.destroy()
  }

  /** Resets every stream and ends the connection. */
  abort(): void {
    this.#streams.refuseNew()
    for (const stream of this.#streams.all) stream.reset(errorCodes.cancel)
    if (!this.#ended) this.#end()
    this.#destroySoon()
  }

  /** Closes the socket without a word to the peer. */
  destroy(): void {
    this.#parts.socket.destroy()
  }

  #sendPreface(): void {
    this.#sender.settings([
      [settings.maxConcurrentStreams, this.#parts.maxStreams],
      [settings.maxHeaderListSize, maxHeaderListBytes],
    ])
    this.#sender.windowUpdate(0, windowBytes - defaultWindow)
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return
    this.lastReadAt = performance.now()
    try {
      const bytes = this.#unread?.length ? Buffer.concat([this.#unread, chunk]) : chunk
      this.#unread = this.#frames.push(this.#prefaceLeft.length > 0 ? this.#afterPreface(bytes) : bytes)
      if (this.#unread) this.#parts.pace.defer(() => this.#readOn())
    } catch (error) {
      this.#unread = undefined
      this.#fail(error)
    }
    // Back-pressure on a peer that opens too many streams, or does not read.
    if (this.#unread || this.#sender.isFull) this.#parts.socket.pause()
  }

  #readOn(): void {
    if (this.#unread === undefined) return
    const bytes = this.#unread
    this.#unread = noBytes
    this.#read(bytes)
    if (this.#unread === undefined && !this.#sender.isFull) this.#parts.socket.resume()
  }

  #afterPreface(chunk: Buffer): Buffer {
    const size = Math.min(chunk.length, this.#prefaceLeft.length)
    if (!chunk.subarray(0, size).equals(this.#prefaceLeft.subarray(0, size)))
      throw new ConnectionError(errorCodes.protocolError, 'this is not HTTP/2')
    this.#prefaceLeft = this.#prefaceLeft.subarray(size)
    return chunk.subarray(size)
  }

  #fail(thrown: unknown): void {
    const error = connectionError(thrown)
    if (error.code === errorCodes.internalError) this.#parts.onInternalError(thrown)
    else this.#parts.onFailure(error)
    this.#sender.goaway(this.#streams.lastOpenedId, error)
    this.#end()
    for (const stream of this.#streams.all) stream.close()
    this.#destroySoon()
  }

  #announceDrain(): void {
    this.#sendGoaway(maxStreamId)
    this.#sender.ping(drainPing)
    setTimeout(() => this.#refuseNew(), drainPingMs).unref()
  }

  // The answer to the PING proves that every stream opened before the peer saw GOAWAY has arrived.
  #refuseNew(): void {
    if (!this.#draining || this.#refusing || this.#ended) return
    this.#refusing = true
    this.#streams.refuseNew()
    this.#sendGoaway(this.#streams.lastOpenedId)
    this.#endIfDone()
  }

  #sendGoaway(lastStreamId: number): void {
    this.#sender.goaway(lastStreamId, { code: errorCodes.noError, message: '' })
  }

  #endIfDone(): void {
    if (this.#refusing && !this.#ended && this.#streams.isEmpty) this.#end()
  }

  /** Flushes, then gives the peer a moment to close: closing at once could discard data that it has not read. */
  #end(): void {
    const { socket } = this.#parts
    this.#ended = true
    this.#sender.flush()
    socket.once('finish', () => this.#destroySoon())
    socket.end()
  }

  #destroySoon(): void {
    setTimeout(() => this.destroy(), closeMs).unref()
  }

  #closed(): void {
    this.#ended = true
    for (const stream of this.#streams.all) stream.close()
    this.#parts.onClose()
  }
}

function connectionError(thrown: unknown): ConnectionError {
  if (thrown instanceof ConnectionError) return thrown
  if (thrown instanceof CompressionError) return new ConnectionError(errorCodes.compressionError, thrown.message)
  return new ConnectionError(errorCodes.internalError, 'internal error')
}
