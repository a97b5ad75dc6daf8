// The check of a key of the keyring, by which a store recognises the key (crypto.md section 8):
//   u8 kind | u32 number | HKDF-Expand-SHA-256(key, "record-vault/v1/key-check" || 00 || u8 kind || u32 number, 32)
// It is a PRF value of the key at an input of its own, so it tells the back end nothing about the key or its other values.
import { encodeKeyName, type KeyKind } from '../../core/key-check.js'
import { labels } from './derive.js'
import { type HmacKey, hkdfExpand, macSize } from './hmac.js'

/** The check of a key, 37 bytes; it is public. */
export function keyCheck(key: HmacKey, kind: KeyKind, number: number): Buffer {
  const name = encodeKeyName(kind, number)
  return Buffer.concat([name, hkdfExpand(key, [labels.keyCheck, name], macSize)])
}
