// The record key token, the caller's half of a record's key:
//   "rvk1_" + base32 of ( mode 1 | key id 16 | rk 32 | check 6 )     check = SHA-256("rvk1_" || the 49 bytes)[0..6)
// RFC 4648 alphabet in lower case, no padding: 55 bytes are exactly 88 symbols, so every token has exactly one
// encoding. The check lets a scanner confirm a leaked token offline; anyone can compute it, so it protects nothing.
// Never log a token, only its key id.
import { hash } from 'node:crypto'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { invalidField } from '../../core/errors.js'
import { type Mode, modes } from './envelope.js'
import { guard } from './errors.js'
import { HmacKey, keySize } from './hmac.js'
import type { RandomSource } from './random.js'
import { secretArena } from './secret-arena.js'

const prefix = 'rvk1_'
const codeOfA = 97
const codeOf2 = 50
const tokenPattern = /^rvk1_[a-z2-7]{88}$/
// Offsets in the payload, which follows the prefix as the check hashes it.
const keyIdAt = prefix.length + 1
const keyAt = keyIdAt + keyIdBytes
const checkAt = keyAt + keySize
const checkSize = 6
const textSize = prefix.length + 88

/** The modes in which the caller holds a token. */
export type TokenMode = Exclude<Mode, typeof modes.server>

/** A parsed token. Its key is an HMAC key only and prints as nothing; the caller closes it at the end of the call. */
export interface RecordKey {
  mode: TokenMode
  keyId: Buffer
  key: HmacKey
}

/** A token and its text, with a key id and a key drawn here; the caller closes the key. */
export function drawToken(mode: TokenMode, random: RandomSource): RecordKey & { text: string } {
  const keyId = random.fill(Buffer.allocUnsafe(keyIdBytes))
  const rk = random.fill(secretArena(keySize))
  try {
    return { mode, keyId, text: encodeToken({ mode, keyId, rk }), key: HmacKey.brief(rk) }
  } finally {
    rk.fill(0)
  }
}

/** The token's text. A string cannot be wiped, so it should live as short as possible. */
export function encodeToken({ mode, keyId, rk }: { mode: TokenMode; keyId: Buffer; rk: Buffer }): string {
  guard(isTokenMode(mode), 'a token is for mode client or split')
  guard(keyId.length === keyIdBytes && rk.length === keySize, 'a token has a key id of 16 bytes and a key of 32')
  const bytes = newToken()
  try {
    bytes[prefix.length] = mode
    keyId.copy(bytes, keyIdAt)
    rk.copy(bytes, keyAt)
    bytes.write(checkOf(bytes), checkAt, 'binary')
    return encodeText(bytes)
  } finally {
    bytes.fill(0)
  }
}

/** Parses the token in a field; throws INVALID_REQUEST for any other text, with an error that tells public facts only. */
export function parseToken(text: string, field = 'record_key'): RecordKey {
  const notToken = (why: string) => invalidField(field, `is not a record key: ${why}`)
  if (!tokenPattern.test(text)) throw notToken('it must be rvk1_ and 88 of the symbols a-z and 2-7')
  const bytes = newToken()
  try {
    unbase32(text, bytes)
    if (checkOf(bytes) !== bytes.toString('binary', checkAt)) throw notToken('its check is wrong, so a symbol must be')
    const mode = bytes[prefix.length] ?? 0
    if (!isTokenMode(mode)) throw notToken('its mode is unknown')
    const keyId = Buffer.from(bytes.subarray(keyIdAt, keyAt))
    return { mode, keyId, key: HmacKey.brief(bytes.subarray(keyAt, checkAt)) }
  } finally {
    bytes.fill(0)
  }
}

function newToken(): Buffer {
  const bytes = secretArena(checkAt + checkSize)
  bytes.write(prefix)
  return bytes
}

/** True for a mode whose records are opened with a token. */
export function isTokenMode(mode: number): mode is TokenMode {
  return mode === modes.client || mode === modes.split
}

/** The check is public, so it may be a string. */
function checkOf(bytes: Buffer): string {
  return hash('sha256', bytes.subarray(0, checkAt), 'binary').slice(0, checkSize)
}

/**
 * Writes the text into bytes that are wiped afterwards. Joining it symbol by symbol would leave every prefix of the
 * token in memory as a string.
 */
function encodeText(bytes: Buffer): string {
  const text = secretArena(textSize)
  text.write(prefix)
  try {
    base32(bytes, text)
    return text.toString('latin1')
  } finally {
    text.fill(0)
  }
}

/** Encodes all bytes after the prefix, into the text after its prefix. */
function base32(bytes: Buffer, text: Buffer): void {
  let value = 0
  let bits = 0
  let at = prefix.length
  for (let i = prefix.length; i < bytes.length; i++) {
    value = ((value << 8) | (bytes[i] ?? 0)) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) {
      const five = (value >>> (bits - 5)) & 31
      text[at++] = five < 26 ? five + codeOfA : five - 26 + codeOf2
    }
  }
}

/** Decodes the 88 checked symbols after the prefix, into the bytes after theirs. */
function unbase32(text: string, bytes: Buffer): void {
  let value = 0
  let bits = 0
  let at = prefix.length
  for (let i = prefix.length; i < text.length; i++) {
    const code = text.charCodeAt(i)
    value = ((value << 5) | (code >= codeOfA ? code - codeOfA : code - codeOf2 + 26)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = value >>> bits
  }
}
