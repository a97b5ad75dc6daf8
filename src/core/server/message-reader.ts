// Reads length-prefixed gRPC messages (gRPC over HTTP/2, Length-Prefixed-Message) from the bytes of a request: a flag, a length
// of 32 bits, then the message. Bytes are kept until a message is taken, so that many small messages cost no extra memory.
import { VaultError } from '../errors.js'

/** An encoded message. */
export type Frame = Buffer

const prefixSize = 5
/** More pieces than this are joined if they are small, since each costs more than its bytes. */
const maxPieces = 64
const smallPiece = 1024
/** A piece is copied if it keeps more than this multiple of its bytes in memory. */
const maxWaste = 4

/** The unread bytes of a request. */
export class MessageReader {
  readonly #maxBytes: number
  #pieces: Buffer[] = []
  #bytes = 0
  /** The size of the first message with its prefix; 0 until the prefix is complete. */
  #wanted = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The number of bytes that were pushed and not taken. */
  get bytes(): number {
    return this.#bytes
  }

  /** Adds bytes of the request. */
  push(bytes: Buffer): void {
    // A view keeps its whole chunk of the socket in memory.
    this.#pieces.push(bytes.length * maxWaste < bytes.buffer.byteLength ? Buffer.from(bytes) : bytes)
    this.#bytes += bytes.length
    if (this.#pieces.length > maxPieces && this.#bytes < this.#pieces.length * smallPiece) this.#gather(this.#bytes)
  }

  /** Drops all bytes. */
  clear(): void {
    this.#pieces = []
    this.#bytes = 0
    this.#wanted = 0
  }

  /** True if a message is complete. Throws INVALID_REQUEST for one that is too large or compressed. */
  isWhole(): boolean {
    if (this.#wanted === 0 && this.#bytes >= prefixSize)
      this.#wanted = prefixSize + this.#sizeOf(this.#gather(prefixSize))
    return this.#wanted > 0 && this.#bytes >= this.#wanted
  }

  /** True if bytes follow the complete message. */
  holdsMore(): boolean {
    return this.#wanted > 0 && this.#bytes > this.#wanted
  }

  /** Takes the complete message; `isWhole` must have returned true. */
  take(): Frame {
    const size = this.#wanted
    const first = this.#gather(size)
    if (first.length === size) this.#pieces.shift()
    else this.#pieces[0] = first.subarray(size)
    this.#bytes -= size
    this.#wanted = 0
    return first.subarray(prefixSize, size)
  }

  /** Joins pieces until the first one has at least `size` bytes, and returns it. */
  #gather(size: number): Buffer {
    let count = 0
    for (let bytes = 0; bytes < size; count += 1) bytes += (this.#pieces[count] as Buffer).length
    if (count > 1) this.#pieces.splice(0, count, Buffer.concat(this.#pieces.slice(0, count)))
    return this.#pieces[0] as Buffer
  }

  #sizeOf(prefix: Buffer): number {
    if (prefix[0] !== 0) throw new VaultError('INVALID_REQUEST', { message: 'compressed messages are not supported' })
    const size = prefix.readUInt32BE(1)
    if (size > this.#maxBytes) throw tooLarge(size, this.#maxBytes)
    return size
  }
}

function tooLarge(bytes: number, maxBytes: number): VaultError {
  return new VaultError('INVALID_REQUEST', {
    message: `a message of ${bytes} bytes is larger than the ${maxBytes} that are accepted`,
  })
}
