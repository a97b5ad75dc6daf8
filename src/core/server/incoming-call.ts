// A gRPC call as a server has it: messages as they are asked for, answers as its caller takes them, and how it ends. What
// is read ahead of whoever asks is bounded by the window its caller has, and one message.
import type { StatusObject } from '@grpc/grpc-js'
import { VaultError } from '../errors.js'
import { errorCodes } from '../http2/protocol.js'
import type { Stream, StreamReader } from '../http2/stream.js'
import { headers, okTrailers, statusTrailers } from './grpc-fields.js'
import type { MemoryBudget } from './memory-budget.js'
import { type Frame, MessageReader } from './message-reader.js'

/** What waits for a slow reader before the method does: this much, or one larger frame. */
const maxUnsentBytes = 256 * 1024
/** For a caller who is refused as too much is held already. */
const retryAfterMs = 100
const tooMuchHeld = 'too much of other requests is waiting; try again later'
/** What a caller may send before it is read, more than at first, once somebody reads. */
const readingWindow = 1024 * 1024 - 64 * 1024

interface CallParts {
  stream: Stream
  /** As the caller sent it. */
  requestId: string | undefined
  maxReceiveBytes: number
  budget: MemoryBudget
}

export class IncomingCall implements StreamReader {
  readonly requestId: string | undefined
  /** Milliseconds since 1970; undefined when the caller set none. */
  deadline: number | undefined
  /** Told when the caller has gone before it was answered. */
  cancelled = (): void => undefined
  /** Told when some of the answer has gone out. */
  moved = (): void => undefined
  readonly #stream: Stream
  readonly #reader: MessageReader
  readonly #budget: MemoryBudget
  /** Taken of the budget. */
  #heldBytes = 0
  /** Received, and its caller not told that it may send as much again. */
  #owedBytes = 0
  #ended = false
  #begun = false
  #answered = false
  #fault: Error | undefined
  #waiting: { resolve(frame: Frame | undefined): void; reject(error: Error): void; isOnly: boolean } | undefined
  #room = (): void => undefined

  constructor({ stream, requestId, maxReceiveBytes, budget }: CallParts) {
    this.#stream = stream
    this.requestId = requestId
    this.#reader = new MessageReader(maxReceiveBytes)
    this.#budget = budget
    stream.reader = this
  }

  // ---- the request

  /** Lets the caller send far ahead, for a method that reads a stream. */
  widen(): void {
    this.#stream.allow(readingWindow)
  }

  /** The caller has sent all. */
  get isReceived(): boolean {
    return this.#ended
  }

  /** The next message; undefined when there are no more. Rejects with CANCELLED and INVALID_REQUEST. */
  read(): Promise<Frame | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject, isOnly: false }
      this.#deliver()
    })
  }

  /** The message of a call that has one, once its caller has sent all; as `read`. */
  readOnly(): Promise<Frame> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve: resolve as (frame: Frame | undefined) => void, reject, isOnly: true }
      this.#deliver()
    })
  }

  // ---- the answer

  /** Sends a message; what it returns resolves when there is room for another. */
  write(frame: Frame): Promise<void> | undefined {
    if (!this.#begun) this.#stream.sendHeaders(headers)
    this.#begun = true
    this.#stream.send(prefixOf(frame), frame)
    if (this.#stream.unsentBytes <= maxUnsentBytes) return undefined
    return new Promise((resolve) => {
      this.#room = resolve
    })
  }

  /** Ends the answer. */
  end(requestId: string): void {
    this.#finish(okTrailers(requestId), true)
  }

  /** Ends it with a status. */
  refuse(status: StatusObject): void {
    this.#finish(statusTrailers(status))
  }

  /** Ends a call that cannot be answered. */
  abort(): void {
    this.#stream.reset(errorCodes.internalError)
  }

  #finish(trailers: Buffer, isOk = false): void {
    this.#stream.finish(this.#begun ? trailers : Buffer.concat([headers, trailers]), isOk)
    this.#answered = true
    this.#reader.clear()
    this.#count()
    this.#deliver()
  }

  // ---- told by the stream

  data(bytes: Buffer): void {
    if (this.#fault || this.#answered) return
    this.#owedBytes += bytes.length
    this.#reader.push(bytes)
    this.#count()
    if (this.#budget.isSpent) this.#fail(new VaultError('OVERLOADED', { message: tooMuchHeld, retryAfterMs }))
    else this.#deliver()
  }

  ended(): void {
    this.#ended = true
    this.#deliver()
  }

  sent(): void {
    this.moved()
    if (this.#stream.unsentBytes <= maxUnsentBytes) this.#room()
  }

  broken(): void {
    this.#fail(new VaultError('CANCELLED'))
    this.#room()
    this.cancelled()
  }

  /** Gives whoever waits what there is. */
  #deliver(): void {
    try {
      if (this.#fault) throw this.#fault
      if (this.#waiting && this.#answered) throw new VaultError('CANCELLED') // nobody reads on behind an answer
      const whole = this.#reader.isWhole()
      if (this.#waiting?.isOnly) this.#deliverOnly(whole)
      else if (this.#waiting && whole) this.#settle(this.#take())
      else if (this.#waiting && this.#ended) this.#settleEnd()
      this.#credit()
    } catch (fault) {
      this.#fail(fault as Error)
    }
  }

  #deliverOnly(whole: boolean): void {
    const isNone = this.#ended && this.#reader.bytes === 0
    if (isNone || this.#reader.holdsMore())
      throw new VaultError('INVALID_REQUEST', { message: 'this method takes one message' })
    if (this.#ended && whole) this.#settle(this.#take())
    else if (this.#ended) this.#settleEnd()
  }

  #take(): Frame {
    const frame = this.#reader.take()
    this.#count()
    return frame
  }

  /** Has the budget know what is held of the request. */
  #count(): void {
    this.#budget.take(this.#reader.bytes - this.#heldBytes)
    this.#heldBytes = this.#reader.bytes
  }

  #settle(frame: Frame | undefined): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve(frame)
  }

  #settleEnd(): void {
    if (this.#reader.bytes > 0) throw new VaultError('INVALID_REQUEST', { message: 'the last message is cut off' })
    this.#settle(undefined)
  }

  // A message that has begun has to come to its end, however long; whole ones are held against the window.
  #credit(): void {
    const due = this.#owedBytes - (this.#reader.isWhole() ? this.#reader.bytes : 0)
    if (due <= 0) return
    this.#owedBytes -= due
    this.#stream.allow(due)
  }

  #fail(fault: Error): void {
    this.#fault ??= fault
    this.#reader.clear()
    this.#count()
    this.#waiting?.reject(this.#fault)
    this.#waiting = undefined
  }
}

function prefixOf({ length }: Frame): Buffer {
  const prefix = Buffer.allocUnsafe(5)
  prefix[0] = 0
  prefix.writeUInt32BE(length, 1)
  return prefix
}
