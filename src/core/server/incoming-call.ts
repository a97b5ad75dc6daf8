// A gRPC call on the server side: delivers request messages when the handler asks for them, sends responses as fast as the
// caller takes them, and ends the call. The flow-control window and one message bound what is read ahead of the handler.
import type { StatusObject } from '@grpc/grpc-js'
import { VaultError } from '../errors.js'
import type { HeaderFields, StreamObserver, TransportStream } from '../transport.js'
import { okTrailers, responseHeaders, statusTrailers } from './grpc-fields.js'
import type { MemoryBudget } from './memory-budget.js'
import { type Frame, MessageReader } from './message-reader.js'
import type { UnsentBudget } from './unsent-budget.js'

/** Unsent bytes at which `write` starts to hold the handler back; a single larger message may exceed it. */
const maxUnsentBytes = 256 * 1024
/** How soon a caller that exceeded the memory budget may retry. */
const retryAfterMs = 100
const budgetSpent = 'too much of other requests is waiting; try again later'
/** What `widenWindow` adds to the initial window of 64 KiB. */
const addedWindow = 1024 * 1024 - 64 * 1024

interface CallParts {
  stream: TransportStream
  /** As the caller sent it. */
  requestId: string | undefined
  maxReceiveBytes: number
  budget: MemoryBudget
  unsentBudget: UnsentBudget
}

interface PendingRead {
  resolve(frame: Frame | undefined): void
  reject(error: Error): void
  isOnly: boolean
}

/** A call that a handler answers. */
export class IncomingCall implements StreamObserver {
  readonly requestId: string | undefined
  /** Milliseconds since 1970; undefined when the caller set none. */
  deadline: number | undefined
  /** Called when the caller goes away before it has its answer. */
  onCancel = (): void => undefined
  /** Called when the caller has taken some of the answer. */
  onProgress = (): void => undefined
  readonly #stream: TransportStream
  readonly #reader: MessageReader
  readonly #budget: MemoryBudget
  readonly #unsentBudget: UnsentBudget
  /** Bytes counted against the budget. */
  #heldBytes = 0
  /** Bytes received for which the caller's window has not been extended yet. */
  #ungrantedBytes = 0
  #requestEnded = false
  #headersSent = false
  #answered = false
  #fault: Error | undefined
  #pendingRead: PendingRead | undefined
  #onRoom = (): void => undefined
  #receivedBytes = 0
  #writtenBytes = 0
  /** Bytes of the answer counted against the budget. */
  #unsentBytes = 0
  #closed = false
  #onClose = (): void => undefined
  #onBegun: (() => void) | undefined

  constructor({ stream, requestId, maxReceiveBytes, budget, unsentBudget }: CallParts) {
    this.#stream = stream
    this.requestId = requestId
    this.#reader = new MessageReader(maxReceiveBytes)
    this.#budget = budget
    this.#unsentBudget = unsentBudget
    stream.observer = this
  }

  // ---- the request

  /** Lets the caller send up to 1 MiB ahead, for a handler that reads a stream. */
  widenWindow(): void {
    this.#stream.extendWindow(addedWindow)
  }

  /** The same object for all calls of a connection. */
  get connection(): object {
    return this.#stream.connection
  }

  /** The bytes that the caller has sent and taken until now. */
  get movedBytes(): number {
    return this.#receivedBytes + Math.max(0, this.#writtenBytes - this.#stream.unsentBytes)
  }

  /** True when the caller has sent its whole request. */
  get isReceived(): boolean {
    return this.#requestEnded
  }

  /** Calls back once the first message is complete, or there will be none; not if the stream ends before. */
  whenBegun(callback: () => void): void {
    this.#onBegun = callback
    this.#checkBegun()
  }

  /** The next message; undefined at the end. Rejects with CANCELLED, OVERLOADED and INVALID_REQUEST. */
  read(): Promise<Frame | undefined> {
    return new Promise((resolve, reject) => {
      this.#pendingRead = { resolve, reject, isOnly: false }
      this.#deliver()
    })
  }

  /** The message of a unary request, once the request is complete; rejects as `read` does, and for any other count. */
  readOnly(): Promise<Frame> {
    return new Promise((resolve, reject) => {
      this.#pendingRead = { resolve: resolve as (frame: Frame | undefined) => void, reject, isOnly: true }
      this.#deliver()
    })
  }

  // ---- the answer

  /** Sends a message. If the caller is slow, returns a promise that resolves when there is room for another. */
  write(frame: Frame): Promise<void> | undefined {
    if (!this.#headersSent) this.#stream.sendHeaders(responseHeaders)
    this.#headersSent = true
    this.#stream.send(prefixOf(frame), frame)
    this.#writtenBytes += frame.length
    this.#countUnsent()
    if (this.#stream.unsentBytes <= maxUnsentBytes) return undefined
    return new Promise((resolve) => {
      this.#onRoom = resolve
    })
  }

  /** Ends the call with status OK. */
  end(requestId: string): void {
    this.#finish(okTrailers(requestId), true)
  }

  /** Ends the call with another status. */
  refuse(status: StatusObject): void {
    this.#finish(statusTrailers(status))
  }

  /** Ends a call that has no handler yet with these fields; the encoding of a repeated array is reused. */
  dismiss(fields: HeaderFields): void {
    this.#stream.finish(fields)
  }

  /** Resets a call that cannot be answered. */
  abort(): void {
    this.#stream.abort()
  }

  /** Calls back once the whole answer has been given to the connection, or the stream has ended without it. */
  whenSent(callback: () => void): void {
    if (this.#closed) {
      callback()
      return
    }
    const first = this.#onClose
    this.#onClose = () => {
      first()
      callback()
    }
  }

  #finish(trailers: HeaderFields, succeeded = false): void {
    this.#stream.finish(this.#headersSent ? trailers : [...responseHeaders, ...trailers], succeeded)
    this.#answered = true
    this.#onBegun = undefined
    this.#reader.clear()
    this.#count()
    this.#deliver()
  }

  // ---- events of the stream

  /** Handles bytes of the request. */
  onData(bytes: Buffer): void {
    if (this.#fault || this.#answered) return
    this.#ungrantedBytes += bytes.length
    this.#receivedBytes += bytes.length
    this.#reader.push(bytes)
    this.#count()
    if (this.#budget.isSpentFor(this.#heldBytes))
      this.#fail(new VaultError('OVERLOADED', { message: budgetSpent, retryAfterMs }))
    else this.#deliver()
    this.#checkBegun()
  }

  /** Handles the end of the request. */
  onEnd(): void {
    this.#requestEnded = true
    this.#deliver()
    this.#checkBegun()
  }

  /** Handles progress of the answer. */
  onDrain(): void {
    this.#countUnsent()
    this.onProgress()
    if (this.#stream.unsentBytes <= maxUnsentBytes) this.#onRoom()
  }

  /** Handles an answer that has been given to the connection. */
  onFinish(): void {
    this.#close()
  }

  /** Handles a stream that ended before the answer was complete. */
  onAbort(): void {
    this.#onBegun = undefined
    this.#close()
    this.#fail(new VaultError('CANCELLED'))
    this.#onRoom()
    this.onCancel()
  }

  #checkBegun(): void {
    const begun = this.#onBegun
    if (begun === undefined || !(this.#fault || this.#requestEnded || this.#reader.isWhole())) return
    this.#onBegun = undefined
    begun()
  }

  #close(): void {
    this.#closed = true
    this.#countUnsent()
    this.#onClose()
  }

  /** Updates the budget with the bytes of the answer that the caller has not taken. */
  #countUnsent(): void {
    const { unsentBytes } = this.#stream
    if (unsentBytes === this.#unsentBytes) return
    const before = this.#unsentBytes
    this.#unsentBytes = unsentBytes
    this.#unsentBudget.change(this, before, unsentBytes)
  }

  /** Settles the pending read if it can be. */
  #deliver(): void {
    try {
      if (this.#fault) throw this.#fault
      if (this.#pendingRead && this.#answered) throw new VaultError('CANCELLED') // a read after the answer never ends
      const isWhole = this.#reader.isWhole()
      if (this.#pendingRead?.isOnly) this.#deliverOnly(isWhole)
      else if (this.#pendingRead && isWhole) this.#settle(this.#take())
      else if (this.#pendingRead && this.#requestEnded) this.#settleEnd()
      this.#grantWindow()
    } catch (fault) {
      this.#fail(fault as Error)
    }
  }

  #deliverOnly(isWhole: boolean): void {
    const isNone = this.#requestEnded && this.#reader.bytes === 0
    if (isNone || this.#reader.holdsMore())
      throw new VaultError('INVALID_REQUEST', { message: 'this method takes one message' })
    if (this.#requestEnded && isWhole) this.#settle(this.#take())
    else if (this.#requestEnded) this.#settleEnd()
  }

  #take(): Frame {
    const frame = this.#reader.take()
    this.#count()
    return frame
  }

  /** Updates the budget with the bytes held for this call. */
  #count(): void {
    this.#budget.take(this.#reader.bytes - this.#heldBytes)
    this.#heldBytes = this.#reader.bytes
  }

  #settle(frame: Frame | undefined): void {
    const read = this.#pendingRead
    this.#pendingRead = undefined
    read?.resolve(frame)
  }

  #settleEnd(): void {
    if (this.#reader.bytes > 0) throw new VaultError('INVALID_REQUEST', { message: 'the last message is cut off' })
    this.#settle(undefined)
  }

  // An incomplete message gets all the window it needs; complete messages count against the window until they are taken.
  #grantWindow(): void {
    const due = this.#ungrantedBytes - (this.#reader.isWhole() ? this.#reader.bytes : 0)
    if (due <= 0) return
    this.#ungrantedBytes -= due
    this.#stream.extendWindow(due)
  }

  #fail(fault: Error): void {
    this.#fault ??= fault
    this.#reader.clear()
    this.#count()
    this.#pendingRead?.reject(this.#fault)
    this.#pendingRead = undefined
  }
}

/** The prefix of a gRPC message: not compressed, and its length. */
function prefixOf({ length }: Frame): Buffer {
  const prefix = Buffer.allocUnsafe(5)
  prefix[0] = 0
  prefix.writeUInt32BE(length, 1)
  return prefix
}
