// The receiving half of a connection: handles each frame (RFC 9113 section 6). A protocol error costs the peer its stream
// or its connection. The rate limit bounds all work that a peer can cause at no cost to itself.
import type { TransportParts } from '../transport.js'
import type { Frame } from './frame-reader.js'
import { type HeaderBlock, HeaderBlocks } from './header-blocks.js'
import { checkPriority, checkSize, checkStreamId, contentOf, numberIn } from './payloads.js'
import { ConnectionError, errorCodes, flags, frameTypes, StreamError } from './protocol.js'
import { RateLimit, type RateLimits } from './rate-limit.js'
import { areTrailers, requestFields } from './request-fields.js'
import type { Sender } from './sender.js'
import type { Stream } from './stream.js'
import type { Streams } from './streams.js'

/** Limits and event handlers of a receiver. */
export interface ReceiverParts extends Pick<TransportParts, 'onRequest'> {
  sender: Sender
  streams: Streams
  /** Largest decoded header list in bytes (section 6.5.2). */
  maxHeaderListBytes: number
  /** The connection's receive window. */
  windowBytes: number
  rateLimits: RateLimits
  /** The peer answered a PING. */
  onPingAck(payload: Buffer): void
}

/** Handles the frames of a connection. */
export class Receiver {
  /** True after the peer's first SETTINGS. */
  hasSettings = false
  readonly #parts: ReceiverParts
  readonly #headers: HeaderBlocks
  readonly #rateLimit: RateLimit
  readonly #handlers: ((frame: Frame) => void)[] = []
  #window: number

  constructor(parts: ReceiverParts) {
    this.#parts = parts
    this.#window = parts.windowBytes
    this.#headers = new HeaderBlocks({ maxListBytes: parts.maxHeaderListBytes })
    this.#rateLimit = new RateLimit(parts.sender, parts.rateLimits)
    this.#handlers[frameTypes.data] = (frame) => this.#handleData(frame)
    this.#handlers[frameTypes.headers] = (frame) => this.#handleHeaders(frame)
    this.#handlers[frameTypes.continuation] = (frame) => this.#handleBlock(this.#headers.continue(frame))
    this.#handlers[frameTypes.windowUpdate] = (frame) => this.#handleWindowUpdate(frame)
    this.#handlers[frameTypes.rstStream] = (frame) => this.#handleReset(frame)
    this.#handlers[frameTypes.settings] = (frame) => this.#handleSettings(frame)
    this.#handlers[frameTypes.ping] = (frame) => this.#handlePing(frame)
    this.#handlers[frameTypes.priority] = checkPriority
    this.#handlers[frameTypes.goaway] = (frame) => checkStreamId(frame, frame.streamId === 0)
    this.#handlers[frameTypes.pushPromise] = (frame) => checkStreamId(frame, false)
  }

  /** Counts a call that succeeded in the peer's favour. */
  creditSuccess(): void {
    this.#rateLimit.credit()
  }

  /** Handles a frame; throws ConnectionError and CompressionError. Frames of unknown types are ignored (section 4.1). */
  handle(frame: Frame): void {
    this.#checkOrder(frame)
    try {
      const handle = this.#handlers[frame.type]
      if (handle) handle(frame)
      else this.#rateLimit.debit()
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      // A refused stream may be older than our SETTINGS with the limit, so it is no fault of the peer.
      if (error.code === errorCodes.refusedStream) this.#rateLimit.countReply()
      else this.#rateLimit.debit()
      this.#parts.streams.reset(error.streamId, error.code)
    }
  }

  /** SETTINGS come first (section 3.4), and only CONTINUATION may follow an incomplete header block (section 4.3). */
  #checkOrder({ type, flags: set }: Frame): void {
    const settled = this.hasSettings || (type === frameTypes.settings && (set & flags.ack) === 0)
    if (!settled || (this.#headers.isIncomplete && type !== frameTypes.continuation))
      throw new ConnectionError(errorCodes.protocolError, `an unexpected frame of type ${type}`)
  }

  #handleData(frame: Frame): void {
    const { streams } = this.#parts
    const size = frame.payload.length
    const endStream = (frame.flags & flags.endStream) !== 0
    checkStreamId(frame, frame.streamId > 0 && frame.streamId <= streams.lastId)
    this.#countData(size)
    if (size === 0 && !endStream) this.#rateLimit.debit()
    const stream = streams.forData(frame.streamId)
    const content = contentOf(frame)
    stream?.receive(content, size)
    if (endStream) stream?.receiveEnd()
  }

  /** Received bytes return to the connection's window at once: the windows of the streams hold a sender back. */
  #countData(size: number): void {
    const { sender, windowBytes } = this.#parts
    this.#window -= size
    if (this.#window < 0) throw new ConnectionError(errorCodes.flowControlError, 'more data than the window allows')
    if (this.#window > windowBytes / 2) return
    sender.windowUpdate(0, windowBytes - this.#window)
    this.#window = windowBytes
  }

  #handleHeaders(frame: Frame): void {
    checkStreamId(frame, frame.streamId % 2 === 1)
    this.#handleBlock(this.#headers.start(frame))
  }

  #handleBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return
    if (block.streamId > this.#parts.streams.lastId) this.#openStream(block)
    else handleTrailers(this.#parts.streams.forTrailers(block.streamId), block)
  }

  #openStream({ streamId, endStream, fields }: HeaderBlock): void {
    const { streams, onRequest } = this.#parts
    streams.admit(streamId)
    if (fields === undefined) throw new StreamError(streamId, errorCodes.enhanceYourCalm)
    const request = requestFields(fields)
    if (request === undefined) throw new StreamError(streamId, errorCodes.protocolError)
    const stream = streams.open(streamId, request.contentLength)
    stream.remoteEnded = endStream
    onRequest(stream, request)
    if (endStream) stream.receiveEnd()
  }

  #handleWindowUpdate(frame: Frame): void {
    const { sender, streams } = this.#parts
    const { streamId } = frame
    const bytes = numberIn(frame) & 0x7fffffff
    checkStreamId(frame, streamId <= streams.lastId)
    if (streamId === 0) sender.grow(bytes)
    else streams.find(streamId)?.grow(bytes)
  }

  #handleReset(frame: Frame): void {
    const { streams } = this.#parts
    checkStreamId(frame, frame.streamId > 0 && frame.streamId <= streams.lastId)
    numberIn(frame)
    this.#rateLimit.debit()
    streams.find(frame.streamId)?.close()
  }

  #handleSettings(frame: Frame): void {
    checkStreamId(frame, frame.streamId === 0)
    const isAck = (frame.flags & flags.ack) !== 0
    checkSize(frame, isAck ? frame.payload.length === 0 : frame.payload.length % 6 === 0)
    if (isAck) return
    this.hasSettings = true
    this.#rateLimit.countReply()
    this.#parts.sender.settingsAck()
    this.#applySettings(frame.payload)
  }

  #applySettings(payload: Buffer): void {
    const { sender, streams } = this.#parts
    const change = sender.peer.apply(payload)
    if (change === 0) return
    this.#rateLimit.debit() // a change is work for every stream
    const open = streams.all
    for (const stream of open) stream.resize(change)
    for (const stream of open) stream.pump()
  }

  #handlePing(frame: Frame): void {
    checkStreamId(frame, frame.streamId === 0)
    checkSize(frame, frame.payload.length === 8)
    if (frame.flags & flags.ack) this.#parts.onPingAck(frame.payload)
    else this.#answerPing(frame.payload)
  }

  #answerPing(payload: Buffer): void {
    this.#rateLimit.countReply()
    this.#parts.sender.pingAck(payload)
  }
}

function handleTrailers(stream: Stream | undefined, { streamId, endStream, fields }: HeaderBlock): void {
  if (stream === undefined) return
  if (stream.remoteEnded) throw new StreamError(streamId, errorCodes.streamClosed)
  if (!endStream || !areTrailers(fields ?? [])) throw new StreamError(streamId, errorCodes.protocolError)
  stream.receiveEnd()
}
