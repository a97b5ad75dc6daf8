// The only file that calls a cipher. Two suites; key 32 bytes, nonce 12, tag 16, and nothing else reaches the primitive:
// Node itself accepts a 1-byte GCM nonce and, without authTagLength, a 4-byte tag (DEP0182).
// nonce(i) = u96(i), i the number of the chunk, 0 for a box. That is safe because each key is derived for one message.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { tagBytes } from '../../core/envelope-sizes.js'
import { corrupt, guard } from './errors.js'
import { keySize } from './hmac.js'

/** Of both suites, in bytes. */
export const nonceSize = 12
/** The chunks that one key may seal. */
export const maxChunks = 2 ** 32

/** A suite byte fixes all algorithms; 00 is reserved. */
export const suites = { aes256Gcm: 0x01, chacha20Poly1305: 0x02 } as const
/** A suite byte. */
export type Suite = (typeof suites)[keyof typeof suites]

const options = { authTagLength: tagBytes }

const ciphers = {
  [suites.aes256Gcm]: {
    seal: (key: Buffer, nonce: Buffer) => createCipheriv('aes-256-gcm', key, nonce, options),
    open: (key: Buffer, nonce: Buffer) => createDecipheriv('aes-256-gcm', key, nonce, options),
  },
  [suites.chacha20Poly1305]: {
    seal: (key: Buffer, nonce: Buffer) => createCipheriv('chacha20-poly1305', key, nonce, options),
    open: (key: Buffer, nonce: Buffer) => createDecipheriv('chacha20-poly1305', key, nonce, options),
  },
}

/** The parameters of one encryption or decryption. */
export interface AeadCall {
  suite: Suite
  key: Buffer
  nonce: Buffer
  /** Only published test vectors have any: our formats bind the context by the key. */
  aad?: Buffer
}

/** True for a byte that names a suite. */
export function isSuite(byte: number): byte is Suite {
  return byte === suites.aes256Gcm || byte === suites.chacha20Poly1305
}

const firstNonce = Buffer.alloc(nonceSize)

/** The number of a chunk as its nonce, to be read only; a key serves at most 2^32 chunks. */
export function chunkNonce(index: number): Buffer {
  guard(Number.isInteger(index) && index >= 0 && index < maxChunks, 'a chunk number is below 2^32')
  if (index === 0) return firstNonce
  const nonce = Buffer.alloc(nonceSize)
  nonce.writeUInt32BE(index, nonceSize - 4)
  return nonce
}

/** Ciphertext and tag, not yet joined: the caller joins them with its header in one copy. */
export function encrypt(call: AeadCall, plaintext: Buffer): [ciphertext: Buffer, tag: Buffer] {
  guardCall(call)
  const cipher = ciphers[call.suite].seal(call.key, call.nonce)
  if (call.aad) cipher.setAAD(call.aad, { plaintextLength: plaintext.length })
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return [ciphertext, cipher.getAuthTag()]
}

/** The plaintext, once the tag is verified; RECORD_CORRUPT otherwise. */
export function decrypt(call: AeadCall, ciphertext: Buffer, tag: Buffer): Buffer {
  guardCall(call)
  guard(tag.length === tagBytes, 'a tag has 16 bytes')
  const decipher = ciphers[call.suite].open(call.key, call.nonce)
  if (call.aad) decipher.setAAD(call.aad, { plaintextLength: ciphertext.length })
  decipher.setAuthTag(tag)
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    // Unverified plaintext never leaves this function.
    plaintext.fill(0)
    throw corrupt('tag')
  }
  return plaintext
}

function guardCall({ suite, key, nonce }: AeadCall): void {
  guard(isSuite(suite), 'a suite is 01 or 02')
  guard(key.length === keySize, 'an aead key has 32 bytes')
  guard(nonce.length === nonceSize, 'a nonce has 12 bytes')
}
