// The record key token, the caller's half of a record's key:
//   "rvk1_" + base32 of ( mode 1 | key id 16 | rk 32 | check 6 )     check = SHA-256("rvk1_" || the 49 bytes)[0..6)
// RFC 4648 alphabet in lower case, no padding: 55 bytes are exactly 88 symbols, so every token has one spelling. The
// check lets a scanner confirm a leaked token offline; it is public and no protection. Never log a token, only its key id.
import { hash } from 'node:crypto'
import { invalidField } from '../../core/errors.js'
import { keyIdSize, type Mode, modes } from './envelope.js'
import { guard } from './faults.js'
import { HmacKey, keySize } from './hmac.js'

const prefix = 'rvk1_'
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const spelling = /^rvk1_[a-z2-7]{88}$/
const checkSize = 6
const bodySize = 1 + keyIdSize + keySize
const payloadSize = bodySize + checkSize

export type TokenMode = Exclude<Mode, typeof modes.server>

/** A parsed token. The key serves as an HMAC key only and prints as nothing; close it when the call is done. */
export interface RecordKey {
  mode: TokenMode
  keyId: Buffer
  key: HmacKey
}

/** The text for the caller. It cannot be erased, so it exists for as short as possible. */
export function encodeToken({ mode, keyId, rk }: { mode: TokenMode; keyId: Buffer; rk: Buffer }): string {
  guard(isTokenMode(mode), 'a token is for mode client or split')
  guard(keyId.length === keyIdSize && rk.length === keySize, 'a token has a key id of 16 bytes and a key of 32')
  const payload = Buffer.alloc(payloadSize)
  try {
    payload[0] = mode
    keyId.copy(payload, 1)
    rk.copy(payload, 1 + keyIdSize)
    checkOf(payload).copy(payload, bodySize)
    return prefix + base32(payload)
  } finally {
    payload.fill(0)
  }
}

/** The one reading of a token; INVALID_REQUEST, in public facts only, for anything else. */
export function parseToken(text: string): RecordKey {
  if (!spelling.test(text)) throw notToken('it must be rvk1_ and 88 of the symbols a-z and 2-7')
  const payload = unbase32(text.slice(prefix.length))
  try {
    if (!checkOf(payload).equals(payload.subarray(bodySize)))
      throw notToken('its check does not match, a symbol is wrong')
    const mode = payload[0] ?? 0
    if (!isTokenMode(mode)) throw notToken('its mode is unknown')
    const keyId = Buffer.from(payload.subarray(1, 1 + keyIdSize))
    return { mode, keyId, key: new HmacKey(payload.subarray(1 + keyIdSize, bodySize)) }
  } finally {
    payload.fill(0)
  }
}

function isTokenMode(mode: number): mode is TokenMode {
  return mode === modes.client || mode === modes.split
}

function notToken(why: string): Error {
  return invalidField('record_key', `is not a record key: ${why}`)
}

function checkOf(payload: Buffer): Buffer {
  const input = Buffer.alloc(prefix.length + bodySize)
  input.write(prefix)
  payload.copy(input, prefix.length, 0, bodySize)
  const check = hash('sha256', input, 'buffer').subarray(0, checkSize)
  input.fill(0)
  return check
}

function base32(bytes: Buffer): string {
  let text = ''
  let value = 0
  let bits = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >>> (bits - 5)) & 31]
  }
  return text
}

/** The bytes of 88 checked symbols. */
function unbase32(text: string): Buffer {
  const bytes = Buffer.alloc(payloadSize)
  let value = 0
  let bits = 0
  let at = 0
  for (const symbol of text) {
    value = ((value << 5) | alphabet.indexOf(symbol)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = value >>> bits
  }
  return bytes
}
