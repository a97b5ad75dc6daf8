// What a connection sends: frames are gathered and written together at the end of the turn, as a write costs more than
// all else of a small call. Small pieces are copied, large ones handed on as they are.
import type { Writable } from 'node:stream'
import { frameHeaderSize } from './frame-reader.js'

const chunkSize = 8 * 1024
const copiedSize = 2 * 1024
/** More than this on its way to the socket, and streams wait. */
const maxUnwritten = 256 * 1024

export interface FrameHead {
  type: number
  flags: number
  streamId: number
  /** Of the payload that is appended next. */
  size: number
}

export class Output {
  readonly #socket: Writable
  readonly #flushed: () => void
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #chunk = Buffer.alloc(0)
  /** Where in the chunk what was not handed on begins and ends. */
  #from = 0
  #at = 0
  #scheduled = false

  /** `flushed` is told when there may be room again. */
  constructor(socket: Writable, flushed: () => void) {
    this.#socket = socket
    this.#flushed = flushed
  }

  /** Nothing large should be added: the socket has not taken what it has. */
  get isFull(): boolean {
    return this.#pieceBytes + this.#socket.writableLength > maxUnwritten
  }

  /** The head of a frame; its payload must follow. */
  head({ type, flags, streamId, size }: FrameHead): void {
    this.#room(frameHeaderSize)
    const chunk = this.#chunk
    const at = this.#at
    chunk[at] = size >>> 16
    chunk[at + 1] = size >>> 8
    chunk[at + 2] = size
    chunk[at + 3] = type
    chunk[at + 4] = flags
    chunk.writeUInt32BE(streamId, at + 5)
    this.#at = at + frameHeaderSize
    this.#schedule()
  }

  /** Bytes of a payload, which must not change any more. */
  append(bytes: Buffer): void {
    if (bytes.length > copiedSize) this.#refer(bytes)
    else this.#copy(bytes)
  }

  /** A frame whose payload is in one piece. */
  frame({ type, flags, streamId, payload }: Omit<FrameHead, 'size'> & { payload: Buffer }): void {
    this.head({ type, flags, streamId, size: payload.length })
    this.append(payload)
  }

  flush(): void {
    this.#scheduled = false
    this.#handOn()
    const pieces = this.#pieces
    this.#pieces = []
    this.#pieceBytes = 0
    if (this.#socket.destroyed || !this.#socket.writable) return
    if (pieces.length > 1) this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    if (pieces.length > 1) this.#socket.uncork()
    this.#flushed()
  }

  /** Keeps nothing of what was sent. */
  letGo(): void {
    if (this.#from !== this.#at) return
    this.#chunk = Buffer.alloc(0)
    this.#from = 0
    this.#at = 0
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.flush())
  }

  #room(size: number): void {
    if (this.#at + size <= this.#chunk.length) return
    this.#handOn()
    this.#chunk = Buffer.allocUnsafeSlow(chunkSize)
    this.#from = 0
    this.#at = 0
  }

  #copy(bytes: Buffer): void {
    this.#room(bytes.length)
    bytes.copy(this.#chunk, this.#at)
    this.#at += bytes.length
  }

  #refer(bytes: Buffer): void {
    this.#handOn()
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
  }

  #handOn(): void {
    if (this.#from === this.#at) return
    this.#pieces.push(this.#chunk.subarray(this.#from, this.#at))
    this.#pieceBytes += this.#at - this.#from
    this.#from = this.#at
  }
}
