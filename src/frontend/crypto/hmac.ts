// HMAC-SHA-256 (RFC 2104) under a key of exactly 32 bytes, and HKDF-Expand (RFC 5869 section 2.3) over it.
//   inner = SHA-256(key ^ 36.. || message)    mac = SHA-256(key ^ 5c.. || inner)
// Two one-shot hashes over prepared blocks take half the time of createHmac. The blocks are as secret as the key, so
// they live in #private fields: such an object prints, serialises and clones as empty.
import { hash, timingSafeEqual } from 'node:crypto'
import { guard } from './errors.js'
import { secretArena } from './secret-arena.js'

/** In bytes. */
export const keySize = 32
/** In bytes. */
export const macSize = 32
const blockSize = 64
// The longest message of a derivation is T(1) || info || counter = 146 bytes; a longer one gets memory of its own.
const roomSize = 192
const memorySize = blockSize + roomSize + blockSize + macSize

/** A 32-byte HMAC key. It copies the bytes it is given; `close` wipes its copy. */
export class HmacKey {
  readonly #inner: Buffer
  readonly #outer: Buffer
  #closed = false

  constructor(key: Buffer, memory: Buffer = Buffer.alloc(memorySize)) {
    guard(key.length === keySize, 'an hmac key has 32 bytes')
    this.#inner = memory.subarray(0, blockSize + roomSize)
    this.#outer = memory.subarray(blockSize + roomSize)
    for (let i = 0; i < blockSize; i++) {
      const byte = key[i] ?? 0
      this.#inner[i] = byte ^ 0x36
      this.#outer[i] = byte ^ 0x5c
    }
  }

  /** A key for one call, in memory of the arena. */
  static brief(key: Buffer): HmacKey {
    return new HmacKey(key, secretArena(memorySize))
  }

  /** HMAC-SHA-256 over the parts, one after the other, in memory of its own. */
  mac(...parts: readonly Buffer[]): Buffer {
    this.#hashInner(parts)
    const mac = hash('sha256', this.#outer, 'buffer')
    this.#outer.fill(0, blockSize)
    return mac
  }

  /** The same as a binary string, in half the time. A string cannot be wiped, so this is for public macs, never for keys. */
  publicMac(...parts: readonly Buffer[]): string {
    this.#hashInner(parts)
    const mac = hash('sha256', this.#outer, 'binary')
    this.#outer.fill(0, blockSize)
    return mac
  }

  /** Wipes the key; it makes no further mac. */
  close(): void {
    this.#closed = true
    this.#inner.fill(0)
    this.#outer.fill(0)
  }

  /** Leaves the inner hash behind the outer block. */
  #hashInner(parts: readonly Buffer[]): void {
    guard(!this.#closed, 'a closed key makes no mac')
    const inner = this.#blockFor(parts)
    let end = blockSize
    for (const part of parts) end += part.copy(inner, end)
    // A string cannot be wiped, but this one without the outer block tells nothing about the key or the mac.
    this.#outer.write(hash('sha256', inner.subarray(0, end), 'binary'), blockSize, 'binary')
    inner.fill(0, inner === this.#inner ? blockSize : 0, end)
  }

  #blockFor(parts: readonly Buffer[]): Buffer {
    let length = blockSize
    for (const part of parts) length += part.length
    if (length <= this.#inner.length) return this.#inner
    const block = Buffer.alloc(length)
    this.#inner.copy(block, 0, 0, blockSize)
    return block
  }
}

/** Makes an HmacKey and wipes the bytes; `brief` for a key of one call. */
export function takeKey(bytes: Buffer, { brief = false } = {}): HmacKey {
  try {
    return brief ? HmacKey.brief(bytes) : new HmacKey(bytes)
  } finally {
    bytes.fill(0)
  }
}

/** HKDF-Expand-SHA-256, the info given in parts; at most 8160 bytes. */
export function hkdfExpand(key: HmacKey, info: readonly Buffer[], length: number): Buffer {
  guard(Number.isInteger(length) && length > 0 && length <= 255 * macSize, 'hkdf yields 1 to 8160 bytes')
  const output = Buffer.alloc(length)
  let block: Buffer = Buffer.alloc(0)
  for (let counter = 1, at = 0; at < length; counter++, at += macSize) {
    const previous = block
    block = key.mac(previous, ...info, Buffer.of(counter))
    block.copy(output, at)
    previous.fill(0)
  }
  block.fill(0)
  return output
}

/** Compares macs, commitments and binds in constant time; a wrong length, which is public, is a difference. */
export function macEquals(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other)
}
