// A server's connection (RFC 9113): how it begins, reads, and ends.
import type { Socket } from 'node:net'
import { CompressionError } from './compression-error.js'
import { FrameReader } from './frame-reader.js'
import { ConnectionError, defaultWindow, errorCodes, preface, settings } from './protocol.js'
import { Receiver, type ReceiverParts } from './receiver.js'
import { Sender } from './sender.js'
import type { Stream } from './stream.js'
import { Streams } from './streams.js'

export interface ConnectionParts {
  socket: Socket
  maxStreams: number
  abuse: ReceiverParts['abuse']
  opened: ReceiverParts['opened']
  closed(): void
  /** Told of the mistake of a peer that ends the connection with all its calls. */
  failed(error: ConnectionError): void
  /** Told of what is a fault of ours. */
  unexpected(cause: unknown): void
}

const windowBytes = 1024 * 1024
const maxHeaderListBytes = 16 * 1024
/** What a peer has to close its side when nothing is open any more. */
const closeMs = 3_000
/** What a peer has to learn that it is told to go. */
const farewellMs = 1_000
const largestStreamId = 2 ** 31 - 1
const farewell = Buffer.from('farewell')

export class Connection {
  /** When something was last received. */
  heardAt = performance.now()
  readonly #parts: ConnectionParts
  readonly #sender: Sender
  readonly #streams: Streams
  readonly #receiver: Receiver
  readonly #frames: FrameReader
  #prefaceLeft = preface
  #leaving = false
  #refusing = false
  #ended = false

  constructor(parts: ConnectionParts) {
    const { socket, maxStreams, abuse, opened } = parts
    this.#parts = parts
    this.#sender = new Sender(socket, () => socket.resume())
    const [answered, emptied] = [() => this.#receiver.forgive(), () => this.#endIfDone()]
    this.#streams = new Streams({ sender: this.#sender, maxStreams, answered, emptied })
    const [sender, streams] = [this.#sender, this.#streams]
    const pingAnswered = (payload: Buffer) => payload.equals(farewell) && this.#refuseNew()
    this.#receiver = new Receiver({ sender, streams, maxHeaderListBytes, windowBytes, abuse, pingAnswered, opened })
    this.#frames = new FrameReader((frame) => this.#receiver.take(frame))
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', () => undefined) // 'close' follows
    socket.once('close', () => this.#closed())
    this.#greet()
  }

  /** The peer has said what has to be said first. */
  get isGreeted(): boolean {
    return this.#receiver.greeted
  }

  get streams(): Stream[] {
    return this.#streams.all
  }

  ping(): void {
    this.#sender.ping(Buffer.alloc(8))
  }

  /** Keeps nothing of what was sent. */
  letGo(): void {
    this.#sender.letGo()
  }

  /** Tells the peer to open no more streams, then refuses them, and ends with the last one that is open. */
  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    if (this.isGreeted) this.#sayFarewell()
    else this.destroy()
  }

  /** Ends every stream, and the connection. */
  cut(): void {
    this.#streams.refuseNew()
    for (const stream of this.#streams.all) stream.reset(errorCodes.cancel)
    if (!this.#ended) this.#end()
    this.#destroySoon()
  }

  destroy(): void {
    this.#parts.socket.destroy()
  }

  #greet(): void {
    this.#sender.settings([
      [settings.maxConcurrentStreams, this.#parts.maxStreams],
      [settings.maxHeaderListSize, maxHeaderListBytes],
    ])
    this.#sender.windowUpdate(0, windowBytes - defaultWindow)
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return
    this.heardAt = performance.now()
    try {
      this.#frames.push(this.#prefaceLeft.length > 0 ? this.#afterPreface(chunk) : chunk)
    } catch (error) {
      this.#fail(error)
    }
    if (this.#sender.isFull) this.#parts.socket.pause() // who does not read is not read either
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
    if (error.code === errorCodes.internalError) this.#parts.unexpected(thrown)
    else this.#parts.failed(error)
    this.#sender.goaway(this.#streams.lastOpenedId, error)
    this.#end()
    for (const stream of this.#streams.all) stream.close()
    this.#destroySoon()
  }

  #sayFarewell(): void {
    this.#sayGoaway(largestStreamId)
    this.#sender.ping(farewell)
    setTimeout(() => this.#refuseNew(), farewellMs).unref()
  }

  // When a peer that is told to go has answered a ping, what it sent before it knew has arrived.
  #refuseNew(): void {
    if (!this.#leaving || this.#refusing || this.#ended) return
    this.#refusing = true
    this.#streams.refuseNew()
    this.#sayGoaway(this.#streams.lastOpenedId)
    this.#endIfDone()
  }

  #sayGoaway(lastStreamId: number): void {
    this.#sender.goaway(lastStreamId, { code: errorCodes.noError, message: '' })
  }

  #endIfDone(): void {
    if (this.#refusing && !this.#ended && this.#streams.isEmpty) this.#end()
  }

  /** Sends what there is, then waits a moment for the peer to close: else it could lose what it has not read. */
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
    this.#parts.closed()
  }
}

function connectionError(thrown: unknown): ConnectionError {
  if (thrown instanceof ConnectionError) return thrown
  if (thrown instanceof CompressionError) return new ConnectionError(errorCodes.compressionError, thrown.message)
  return new ConnectionError(errorCodes.internalError, 'internal error')
}
