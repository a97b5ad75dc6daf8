// Cuts the bytes of a request into gRPC messages: a flag, a length of 32 bits, and so many bytes. They lie here as bytes
// until they are asked for, so that small messages take no more memory than large ones.
import { MessageTooLarge, VaultError } from '../errors.js'

/** An encoded message. */
export type Frame = Buffer

const prefixSize = 5
/** So many small pieces are joined: each costs more than its bytes. */
const maxPieces = 64
const smallPiece = 1024
/** So many times its bytes a piece may keep in memory. */
const mostWaste = 4

export class MessageReader {
  readonly #maxBytes: number
  #pieces: Buffer[] = []
  #bytes = 0
  /** Of the first message, with its prefix; 0 while that is not there. */
  #wanted = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** What is there and not taken. */
  get bytes(): number {
    return this.#bytes
  }

  push(bytes: Buffer): void {
    // A view keeps all that was read with it.
    this.#pieces.push(bytes.length * mostWaste < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes)
    this.#bytes += bytes.length
    if (this.#pieces.length > maxPieces && this.#bytes < this.#pieces.length * smallPiece) this.#gather(this.#bytes)
  }

  clear(): void {
    this.#pieces = []
    this.#bytes = 0
    this.#wanted = 0
  }

  /** Whether all of a message is there; throws INVALID_REQUEST for one that cannot be taken. */
  isWhole(): boolean {
    if (this.#wanted === 0 && this.#bytes >= prefixSize)
      this.#wanted = prefixSize + this.#sizeOf(this.#gather(prefixSize))
    return this.#wanted > 0 && this.#bytes >= this.#wanted
  }

  /** Whether there is more than the message that is whole. */
  holdsMore(): boolean {
    return this.#wanted > 0 && this.#bytes > this.#wanted
  }

  /** The message that is whole. */
  take(): Frame {
    const size = this.#wanted
    const first = this.#gather(size)
    if (first.length === size) this.#pieces.shift()
    else this.#pieces[0] = first.subarray(size)
    this.#bytes -= size
    this.#wanted = 0
    return first.subarray(prefixSize, size)
  }

  /** The first piece, with so many bytes at least. */
  #gather(size: number): Buffer {
    let count = 0
    for (let bytes = 0; bytes < size; count += 1) bytes += (this.#pieces[count] as Buffer).length
    if (count > 1) this.#pieces.splice(0, count, Buffer.concat(this.#pieces.slice(0, count)))
    return this.#pieces[0] as Buffer
  }

  #sizeOf(prefix: Buffer): number {
    if (prefix[0] !== 0) throw new VaultError('INVALID_REQUEST', { message: 'compressed messages are not supported' })
    const size = prefix.readUInt32BE(1)
    if (size > this.#maxBytes) throw new MessageTooLarge(size, this.#maxBytes)
    return size
  }
}
