// The output buffer of a connection. It gathers the frames of an event loop turn and writes them together, as a write
// costs more than everything else in a small call. Small pieces are copied; large ones are passed on without a copy.
import type { Writable } from 'node:stream'
import { frameHeaderSize } from './frame-reader.js'

const chunkSize = 8 * 1024
const maxCopiedSize = 2 * 1024
/** Streams wait while more than this is queued for the socket. */
const maxUnwritten = 256 * 1024

/** A frame header (RFC 9113 section 4.1); `size` is the length of the payload. */
export interface FrameHead {
  type: number
  flags: number
  streamId: number
  size: number
}

/** Gathers frames and writes them to a socket. */
export class Output {
  readonly #socket: Writable
  readonly #onFlush: () => void
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #chunk = Buffer.alloc(0)
  /** The part of the chunk that is written but not yet in `#pieces`. */
  #from = 0
  #at = 0
  #scheduled = false

  /** `onFlush` is called when there may be room again. */
  constructor(socket: Writable, onFlush: () => void) {
    this.#socket = socket
    this.#onFlush = onFlush
  }

  /** True while the socket has not accepted earlier output, so that no body data should be added. */
  get isFull(): boolean {
    return this.#pieceBytes + this.#socket.writableLength > maxUnwritten
  }

  /** Writes a frame header; `append` must add its payload next. */
  head({ type, flags, streamId, size }: FrameHead): void {
    this.#reserve(frameHeaderSize)
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

  /** Adds bytes of a payload, which must not change afterwards. */
  append(bytes: Buffer): void {
    if (bytes.length > maxCopiedSize) this.#appendView(bytes)
    else this.#appendCopy(bytes)
  }

  /** Writes a frame whose payload is a single buffer. */
  frame({ type, flags, streamId, payload }: Omit<FrameHead, 'size'> & { payload: Buffer }): void {
    this.head({ type, flags, streamId, size: payload.length })
    this.append(payload)
  }

  /** Writes everything gathered so far to the socket. */
  flush(): void {
    this.#scheduled = false
    this.#sealChunk()
    const pieces = this.#pieces
    this.#pieces = []
    this.#pieceBytes = 0
    if (this.#socket.destroyed || !this.#socket.writable) return
    if (pieces.length > 1) this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    if (pieces.length > 1) this.#socket.uncork()
    this.#onFlush()
  }

  /** Drops the empty rest of the chunk, so that an idle connection retains no buffer. */
  releaseBuffers(): void {
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

  #reserve(size: number): void {
    if (this.#at + size <= this.#chunk.length) return
    this.#sealChunk()
    this.#chunk = Buffer.allocUnsafeSlow(chunkSize)
    this.#from = 0
    this.#at = 0
  }

  #appendCopy(bytes: Buffer): void {
    this.#reserve(bytes.length)
    bytes.copy(this.#chunk, this.#at)
    this.#at += bytes.length
  }

  #appendView(bytes: Buffer): void {
    this.#sealChunk()
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
  }

  /** Moves the written part of the chunk to the pieces, before a piece that comes after it. */
  #sealChunk(): void {
    if (this.#from === this.#at) return
    this.#pieces.push(this.#chunk.subarray(this.#from, this.#at))
    this.#pieceBytes += this.#at - this.#from
    this.#from = this.#at
  }
}
