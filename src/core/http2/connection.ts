// A server's connection (RFC 9113): what each frame does. Everything a peer can make it keep or answer is bounded; a peer
// that breaks the rules loses the stream, or the connection.
import type { Socket } from 'node:net'
import { Abuse } from './abuse.js'
import { CompressionError } from './compression-error.js'
import { EndedStreams } from './ended-streams.js'
import { type Frame, FrameReader } from './frame-reader.js'
import { type HeaderBlock, HeaderBlocks } from './header-blocks.js'
import { Output } from './output.js'
import { checkPlace, checkPriority, checkSize, contentOf, numberIn, settingsPayload, u32 } from './payloads.js'
import { PeerSettings } from './peer-settings.js'
import {
  ConnectionError,
  defaultWindow,
  errorCodes,
  flags,
  frameTypes,
  largestWindow,
  preface,
  StreamError,
  settings,
} from './protocol.js'
import { areTrailers, type RequestFields, requestFields } from './request-fields.js'
import { Stream } from './stream.js'

export interface ConnectionParts {
  socket: Socket
  maxStreams: number
  /** A request has begun; a reader must be set before this returns. */
  opened(stream: Stream, fields: RequestFields): void
  closed(): void
  /** Told of what is a fault of ours. */
  unexpected(cause: unknown): void
}

/** What all streams together may send us before it is read: it is each stream's own window that holds its sender. */
const receiveWindow = 1024 * 1024
const maxHeaderListBytes = 16 * 1024
/** What a peer has to close its side when nothing is open any more. */
const closeMs = 500

export class Connection {
  readonly output: Output
  readonly peer = new PeerSettings()
  readonly streams = new Map<number, Stream>()
  /** Streams with something to send for which the connection had no room. */
  readonly waiting = new Set<Stream>()
  /** When something was last received. */
  heardAt = Date.now()
  /** The peer has said everything that has to be said first. */
  greeted = false
  readonly #parts: ConnectionParts
  readonly #frames = new FrameReader((frame) => this.#receive(frame))
  readonly #headers = new HeaderBlocks({ maxListBytes: maxHeaderListBytes })
  readonly #abuse: Abuse
  readonly #ended = new EndedStreams()
  #prefaceLeft = preface
  #lastStreamId = 0
  #sendWindow = defaultWindow
  #receiveWindow = receiveWindow
  #leaving = false
  #failed = false

  constructor(parts: ConnectionParts) {
    const { socket } = parts
    this.#parts = parts
    this.output = new Output(socket, () => this.#pumpWaiting())
    this.#abuse = new Abuse(this.output)
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('drain', () => this.#pumpWaiting())
    socket.on('error', () => undefined) // 'close' follows
    socket.once('close', () => this.#closed())
    this.#greet()
  }

  // ---- for streams

  /** What the connection can send of one stream now. */
  sendable(): number {
    return this.output.isFull ? 0 : Math.min(this.#sendWindow, this.peer.maxFrameSize)
  }

  spend(bytes: number): void {
    this.#sendWindow -= bytes
  }

  sendWindowUpdate(streamId: number, bytes: number): void {
    this.output.frame({ type: frameTypes.windowUpdate, flags: flags.none, streamId, payload: u32(bytes) })
  }

  /** A block of fields that fits a frame. */
  sendHeaders({ streamId, block, end }: { streamId: number; block: Buffer; end: boolean }): void {
    const set = flags.endHeaders | (end ? flags.endStream : flags.none)
    this.output.frame({ type: frameTypes.headers, flags: set, streamId, payload: block })
  }

  /** Ends a stream on both sides, and says so to the peer. */
  resetStream(stream: Stream, code: number): void {
    this.#sendReset(stream.id, code)
    this.forget(stream, true)
  }

  /** The stream is over. */
  forget(stream: Stream, byUs = false): void {
    this.#ended.add(stream.id, byUs)
    this.streams.delete(stream.id)
    this.waiting.delete(stream)
    stream.close()
    this.#endIfDone()
  }

  // ---- for the server

  ping(): void {
    this.output.frame({ type: frameTypes.ping, flags: flags.none, streamId: 0, payload: Buffer.alloc(8) })
  }

  /** Takes no new streams, and ends with the last one that is open. */
  leave(): void {
    if (this.#leaving) return
    this.#leaving = true
    if (!this.greeted) return this.destroy()
    this.#sendGoaway(errorCodes.noError, '')
    this.#endIfDone()
  }

  /** Ends every stream, and the connection. */
  cut(): void {
    this.#leaving = true
    for (const stream of this.streams.values()) this.resetStream(stream, errorCodes.cancel)
    this.output.flush()
    this.#parts.socket.destroySoon()
  }

  destroy(): void {
    this.#parts.socket.destroy()
  }

  // ---- received

  #greet(): void {
    const pairs = [
      [settings.maxConcurrentStreams, this.#parts.maxStreams],
      [settings.maxHeaderListSize, maxHeaderListBytes],
    ] as const
    this.output.frame({
      type: frameTypes.settings,
      flags: flags.none,
      streamId: 0,
      payload: settingsPayload(pairs),
    })
    this.sendWindowUpdate(0, receiveWindow - defaultWindow)
  }

  #read(chunk: Buffer): void {
    if (this.#failed) return
    this.heardAt = Date.now()
    try {
      const frames = this.#prefaceLeft.length > 0 ? this.#afterPreface(chunk) : chunk
      this.#frames.push(frames)
    } catch (error) {
      this.#fail(error)
    }
  }

  #afterPreface(chunk: Buffer): Buffer {
    const size = Math.min(chunk.length, this.#prefaceLeft.length)
    if (!chunk.subarray(0, size).equals(this.#prefaceLeft.subarray(0, size)))
      throw new ConnectionError(errorCodes.protocolError, 'this is not HTTP/2')
    this.#prefaceLeft = this.#prefaceLeft.subarray(size)
    return chunk.subarray(size)
  }

  #receive(frame: Frame): void {
    this.#checkTurn(frame)
    try {
      this.#take(frame)
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      this.#abuse.countAnswer()
      const stream = this.streams.get(error.streamId)
      if (stream) this.resetStream(stream, error.code)
      else this.#refuse(error)
    }
  }

  /** Of a stream that was not opened, or is over. */
  #refuse({ streamId, code }: StreamError): void {
    this.#sendReset(streamId, code)
    this.#ended.add(streamId, true)
  }

  /** Settings come first, and between the parts of a header block nothing else. */
  #checkTurn({ type, flags: set }: Frame): void {
    const expected = this.greeted || (type === frameTypes.settings && (set & flags.ack) === 0)
    if (!expected || (this.#headers.isBegun && type !== frameTypes.continuation))
      throw new ConnectionError(errorCodes.protocolError, `a frame of type ${type} out of turn`)
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case frameTypes.data:
        return this.#takeData(frame)
      case frameTypes.headers:
        checkPlace(frame, frame.streamId % 2 === 1)
        return this.#takeBlock(this.#headers.begin(frame))
      case frameTypes.continuation:
        return this.#takeBlock(this.#headers.add(frame))
      case frameTypes.windowUpdate:
        return this.#takeWindowUpdate(frame)
      case frameTypes.rstStream:
        return this.#takeReset(frame)
      case frameTypes.settings:
        return this.#takeSettings(frame)
      case frameTypes.ping:
        return this.#takePing(frame)
      case frameTypes.priority:
        checkPlace(frame, frame.streamId > 0)
        return checkPriority(frame)
      case frameTypes.goaway:
        return checkPlace(frame, frame.streamId === 0)
      case frameTypes.pushPromise:
        return checkPlace(frame, false)
    }
  }

  #takeData(frame: Frame): void {
    const size = frame.payload.length
    const ends = (frame.flags & flags.endStream) !== 0
    this.#count(size)
    if (size === 0 && !ends) this.#abuse.count()
    checkPlace(frame, frame.streamId % 2 === 1 && frame.streamId <= this.#lastStreamId)
    const stream = this.#known(frame.streamId)
    if (stream === undefined) return
    stream.receive(contentOf(frame), size)
    if (ends) stream.receiveEnd()
  }

  /** What is received counts as read: the windows of the streams are what holds a sender. */
  #count(size: number): void {
    this.#receiveWindow -= size
    if (this.#receiveWindow < 0)
      throw new ConnectionError(errorCodes.flowControlError, 'more than the window of the connection')
    if (this.#receiveWindow > receiveWindow / 2) return
    this.sendWindowUpdate(0, receiveWindow - this.#receiveWindow)
    this.#receiveWindow = receiveWindow
  }

  /** The stream of a frame; undefined when it is over and its peer need not have known. */
  #known(streamId: number): Stream | undefined {
    const stream = this.streams.get(streamId)
    if (stream === undefined) this.#ended.check(streamId)
    return stream
  }

  #takeBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return
    if (block.streamId > this.#lastStreamId) return this.#open(block)
    const stream = this.#known(block.streamId)
    if (stream) takeTrailers(stream, block)
  }

  #open({ streamId, endStream, fields }: HeaderBlock): void {
    this.#lastStreamId = streamId
    if (this.#leaving || this.streams.size >= this.#parts.maxStreams)
      throw new StreamError(streamId, errorCodes.refusedStream)
    if (fields === undefined) throw new StreamError(streamId, errorCodes.enhanceYourCalm)
    const request = requestFields(fields)
    if (request === undefined) throw new StreamError(streamId, errorCodes.protocolError)
    const stream = new Stream(this, { id: streamId, contentLength: request.contentLength })
    this.streams.set(streamId, stream)
    this.#parts.opened(stream, request)
    if (endStream) stream.receiveEnd()
  }

  #takeWindowUpdate(frame: Frame): void {
    const { streamId } = frame
    const bytes = numberIn(frame) & 0x7fffffff
    if (streamId === 0) return this.#growWindow(bytes)
    checkPlace(frame, streamId <= this.#lastStreamId)
    if (bytes === 0) throw new StreamError(streamId, errorCodes.protocolError)
    this.streams.get(streamId)?.grow(bytes)
  }

  #growWindow(bytes: number): void {
    if (bytes === 0) throw new ConnectionError(errorCodes.protocolError, 'a window update of nothing')
    this.#sendWindow += bytes
    if (this.#sendWindow > largestWindow)
      throw new ConnectionError(errorCodes.flowControlError, 'a window beyond its bound')
    this.#pumpWaiting()
  }

  #takeReset(frame: Frame): void {
    checkPlace(frame, frame.streamId > 0 && frame.streamId <= this.#lastStreamId)
    numberIn(frame)
    this.#abuse.count()
    const stream = this.streams.get(frame.streamId)
    if (stream) this.forget(stream)
  }

  #takeSettings(frame: Frame): void {
    checkPlace(frame, frame.streamId === 0)
    if (frame.flags & flags.ack) return checkSize(frame, frame.payload.length === 0)
    checkSize(frame, frame.payload.length % 6 === 0)
    this.greeted = true
    const grown = this.peer.apply(frame.payload)
    if (grown !== 0) for (const stream of [...this.streams.values()]) stream.grow(grown)
    this.#abuse.countAnswer()
    this.output.frame({ type: frameTypes.settings, flags: flags.ack, streamId: 0, payload: Buffer.alloc(0) })
  }

  #takePing(frame: Frame): void {
    checkPlace(frame, frame.streamId === 0)
    checkSize(frame, frame.payload.length === 8)
    if (frame.flags & flags.ack) return
    this.#abuse.countAnswer()
    this.output.frame({ ...frame, flags: flags.ack })
  }

  // ---- sent

  #pumpWaiting(): void {
    for (const stream of [...this.waiting]) {
      if (this.sendable() <= 0) return
      this.waiting.delete(stream)
      stream.pump()
    }
  }

  #sendReset(streamId: number, code: number): void {
    this.output.frame({ type: frameTypes.rstStream, flags: flags.none, streamId, payload: u32(code) })
  }

  #sendGoaway(code: number, why: string): void {
    const payload = Buffer.concat([u32(this.#lastStreamId, code), Buffer.from(why)])
    this.output.frame({ type: frameTypes.goaway, flags: flags.none, streamId: 0, payload })
  }

  // ---- the end

  #fail(thrown: unknown): void {
    const error = connectionError(thrown)
    if (error.code === errorCodes.internalError) this.#parts.unexpected(thrown)
    this.#failed = true
    this.#sendGoaway(error.code, error.message)
    this.#end()
  }

  #endIfDone(): void {
    if (this.#leaving && !this.#failed && this.streams.size === 0) this.#end()
  }

  /** Sends what there is, and waits a moment for the peer to close: else it could lose what it has not read. */
  #end(): void {
    this.output.flush()
    this.#parts.socket.end()
    setTimeout(() => this.destroy(), closeMs).unref()
  }

  #closed(): void {
    for (const stream of [...this.streams.values()]) this.forget(stream)
    this.#parts.closed()
  }
}

function takeTrailers(stream: Stream, { streamId, endStream, fields }: HeaderBlock): void {
  if (stream.remoteEnded) throw new StreamError(streamId, errorCodes.streamClosed)
  if (!endStream || !areTrailers(fields ?? [])) throw new StreamError(streamId, errorCodes.protocolError)
  stream.receiveEnd()
}

function connectionError(thrown: unknown): ConnectionError {
  if (thrown instanceof ConnectionError) return thrown
  if (thrown instanceof CompressionError) return new ConnectionError(errorCodes.compressionError, thrown.message)
  return new ConnectionError(errorCodes.internalError, 'internal error')
}
