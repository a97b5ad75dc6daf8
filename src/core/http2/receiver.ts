// What a connection hears: what each frame does (RFC 9113 section 6). A peer that breaks the rules loses the stream, or the
// connection; what it can make us do, it cannot make us do without end.
import { FloodGuard, type FloodLimits } from './flood-guard.js'
import type { Frame } from './frame-reader.js'
import { type HeaderBlock, HeaderBlocks } from './header-blocks.js'
import { checkPlace, checkPriority, checkSize, contentOf, numberIn } from './payloads.js'
import { ConnectionError, errorCodes, flags, frameTypes, StreamError } from './protocol.js'
import { areTrailers, type RequestFields, requestFields } from './request-fields.js'
import type { Sender } from './sender.js'
import type { Stream } from './stream.js'
import type { Streams } from './streams.js'

export interface ReceiverParts {
  sender: Sender
  streams: Streams
  maxHeaderListBytes: number
  /** What is taken of all streams together before the peer is told to go on. */
  windowBytes: number
  abuse: FloodLimits
  pingAnswered(payload: Buffer): void
  /** A request has begun; its stream has a reader, or is finished, before this returns. */
  opened(stream: Stream, fields: RequestFields): void
}

export class Receiver {
  /** The peer has said what has to be said first. */
  greeted = false
  readonly #parts: ReceiverParts
  readonly #headers: HeaderBlocks
  readonly #abuse: FloodGuard
  readonly #takers: ((frame: Frame) => void)[] = []
  #window: number

  constructor(parts: ReceiverParts) {
    this.#parts = parts
    this.#window = parts.windowBytes
    this.#headers = new HeaderBlocks({ maxListBytes: parts.maxHeaderListBytes })
    this.#abuse = new FloodGuard(parts.sender, parts.abuse)
    this.#takers[frameTypes.data] = (frame) => this.#takeData(frame)
    this.#takers[frameTypes.headers] = (frame) => this.#takeHeaders(frame)
    this.#takers[frameTypes.continuation] = (frame) => this.#takeBlock(this.#headers.add(frame))
    this.#takers[frameTypes.windowUpdate] = (frame) => this.#takeWindowUpdate(frame)
    this.#takers[frameTypes.rstStream] = (frame) => this.#takeReset(frame)
    this.#takers[frameTypes.settings] = (frame) => this.#takeSettings(frame)
    this.#takers[frameTypes.ping] = (frame) => this.#takePing(frame)
    this.#takers[frameTypes.priority] = checkPriority
    this.#takers[frameTypes.goaway] = (frame) => checkPlace(frame, frame.streamId === 0)
    this.#takers[frameTypes.pushPromise] = (frame) => checkPlace(frame, false)
  }

  /** A call was answered, which makes up for one that is cancelled. */
  forgive(): void {
    this.#abuse.forgive()
  }

  /** Does what the frame says; throws ConnectionError and CompressionError. Frames of other types are passed over. */
  take(frame: Frame): void {
    this.#checkTurn(frame)
    try {
      const take = this.#takers[frame.type]
      if (take) take(frame)
      else this.#abuse.count()
    } catch (error) {
      if (!(error instanceof StreamError)) throw error
      // One that is too many may have been sent before the peer knew how many there may be.
      if (error.code === errorCodes.refusedStream) this.#abuse.countAnswer()
      else this.#abuse.count()
      this.#parts.streams.reset(error.streamId, error.code)
    }
  }

  /** Settings come first, and between the parts of a header block nothing else. */
  #checkTurn({ type, flags: set }: Frame): void {
    const inTurn = this.greeted || (type === frameTypes.settings && (set & flags.ack) === 0)
    if (!inTurn || (this.#headers.isBegun && type !== frameTypes.continuation))
      throw new ConnectionError(errorCodes.protocolError, `a frame of type ${type} out of turn`)
  }

  #takeData(frame: Frame): void {
    const { streams } = this.#parts
    const size = frame.payload.length
    const ends = (frame.flags & flags.endStream) !== 0
    checkPlace(frame, frame.streamId > 0 && frame.streamId <= streams.lastId)
    this.#count(size)
    if (size === 0 && !ends) this.#abuse.count()
    const stream = streams.forData(frame.streamId)
    const content = contentOf(frame)
    stream?.receive(content, size)
    if (ends) stream?.receiveEnd()
  }

  /** What is received counts as read: the windows of the streams are what holds a sender. */
  #count(size: number): void {
    const { sender, windowBytes } = this.#parts
    this.#window -= size
    if (this.#window < 0) throw new ConnectionError(errorCodes.flowControlError, 'more than the window takes')
    if (this.#window > windowBytes / 2) return
    sender.windowUpdate(0, windowBytes - this.#window)
    this.#window = windowBytes
  }

  #takeHeaders(frame: Frame): void {
    checkPlace(frame, frame.streamId % 2 === 1)
    this.#takeBlock(this.#headers.begin(frame))
  }

  #takeBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return
    if (block.streamId > this.#parts.streams.lastId) this.#open(block)
    else takeTrailers(this.#parts.streams.forTrailers(block.streamId), block)
  }

  #open({ streamId, endStream, fields }: HeaderBlock): void {
    const { streams, opened } = this.#parts
    streams.admit(streamId)
    if (fields === undefined) throw new StreamError(streamId, errorCodes.enhanceYourCalm)
    const request = requestFields(fields)
    if (request === undefined) throw new StreamError(streamId, errorCodes.protocolError)
    const stream = streams.open(streamId, request.contentLength)
    stream.remoteEnded = endStream
    opened(stream, request)
    if (endStream) stream.receiveEnd()
  }

  #takeWindowUpdate(frame: Frame): void {
    const { sender, streams } = this.#parts
    const { streamId } = frame
    const bytes = numberIn(frame) & 0x7fffffff
    checkPlace(frame, streamId <= streams.lastId)
    if (streamId === 0) sender.grow(bytes)
    else streams.find(streamId)?.grow(bytes)
  }

  #takeReset(frame: Frame): void {
    const { streams } = this.#parts
    checkPlace(frame, frame.streamId > 0 && frame.streamId <= streams.lastId)
    numberIn(frame)
    this.#abuse.count()
    streams.find(frame.streamId)?.close()
  }

  #takeSettings(frame: Frame): void {
    checkPlace(frame, frame.streamId === 0)
    const acknowledges = (frame.flags & flags.ack) !== 0
    checkSize(frame, acknowledges ? frame.payload.length === 0 : frame.payload.length % 6 === 0)
    if (acknowledges) return
    this.greeted = true
    this.#abuse.countAnswer()
    this.#parts.sender.acknowledgeSettings()
    this.#applySettings(frame.payload)
  }

  #applySettings(payload: Buffer): void {
    const { sender, streams } = this.#parts
    const grown = sender.peer.apply(payload)
    if (grown === 0) return
    this.#abuse.count() // it is work for every stream
    const open = streams.all
    for (const stream of open) stream.resize(grown)
    for (const stream of open) stream.pump()
  }

  #takePing(frame: Frame): void {
    checkPlace(frame, frame.streamId === 0)
    checkSize(frame, frame.payload.length === 8)
    if (frame.flags & flags.ack) this.#parts.pingAnswered(frame.payload)
    else this.#answerPing(frame.payload)
  }

  #answerPing(payload: Buffer): void {
    this.#abuse.countAnswer()
    this.#parts.sender.answerPing(payload)
  }
}

function takeTrailers(stream: Stream | undefined, { streamId, endStream, fields }: HeaderBlock): void {
  if (stream === undefined) return
  if (stream.remoteEnded) throw new StreamError(streamId, errorCodes.streamClosed)
  if (!endStream || !areTrailers(fields ?? [])) throw new StreamError(streamId, errorCodes.protocolError)
  stream.receiveEnd()
}
