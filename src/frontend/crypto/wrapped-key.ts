// The frame of a user key wrapped by a provider:
//   01 | provider | u16 length | key ref | u32 key version | u16 length | ciphertext          no trailing bytes
// The frame is an unverified claim of the back end: before a caller calls the provider, it must refuse a (provider, key
// ref) that its own configuration does not list.
import { isUtf8 } from 'node:buffer'
import { guard, mismatch } from './errors.js'

const version = 1
const keyRefAt = 4
// Between key ref and ciphertext: key version u32, length u16.
const middleSize = 6

/** The numbers of the kinds of providers. */
export const providers = { local: 1, transit: 2, cloud: 3 } as const
/** The number of a kind of provider. */
export type Provider = (typeof providers)[keyof typeof providers]

/** The fields of a frame. */
export interface WrappedKey {
  provider: Provider
  keyRef: string
  /** The key-encryption key's version; a cloud provider keeps that in its own blob, so it is 0 there. */
  keyVersion: number
  /** The provider's own format: a box, a text or a blob. */
  ciphertext: Buffer
}

/** Encodes a frame. */
export function encodeWrappedKey({ provider, keyRef, keyVersion, ciphertext }: WrappedKey): Buffer {
  const ref = Buffer.from(keyRef)
  guard(ref.length <= 0xffff && ref.toString() === keyRef, 'a key ref is text of at most 65535 bytes')
  guard(ciphertext.length <= 0xffff, 'a wrapped key has at most 65535 bytes')
  guard(isProvider(provider) && isVersionOf(provider, keyVersion), 'provider and key version are of the format')
  const frame = Buffer.alloc(keyRefAt + ref.length + middleSize + ciphertext.length)
  frame.set([version, provider])
  frame.writeUInt16BE(ref.length, 2)
  ref.copy(frame, keyRefAt)
  const middle = keyRefAt + ref.length
  frame.writeUInt32BE(keyVersion, middle)
  frame.writeUInt16BE(ciphertext.length, middle + 4)
  ciphertext.copy(frame, middle + middleSize)
  return frame
}

/** Parses a frame, without a copy of the ciphertext; throws RECORD_KEY_MISMATCH for any other bytes. */
export function parseWrappedKey(frame: Buffer): WrappedKey {
  const [frameVersion, provider = 0] = frame
  if (frame.length < keyRefAt || frameVersion !== version) throw mismatch('wrapped key version')
  if (!isProvider(provider)) throw mismatch('wrapped key provider')
  const middle = keyRefAt + frame.readUInt16BE(2)
  if (frame.length < middle + middleSize) throw mismatch('wrapped key length')
  const ref = frame.subarray(keyRefAt, middle)
  const keyVersion = frame.readUInt32BE(middle)
  const ciphertext = frame.subarray(middle + middleSize)
  if (ciphertext.length !== frame.readUInt16BE(middle + 4)) throw mismatch('wrapped key length')
  if (!isUtf8(ref) || !isVersionOf(provider, keyVersion)) throw mismatch('wrapped key reference')
  return { provider, keyRef: ref.toString(), keyVersion, ciphertext }
}

function isProvider(byte: number): byte is Provider {
  return byte === providers.local || byte === providers.transit || byte === providers.cloud
}

function isVersionOf(provider: Provider, keyVersion: number): boolean {
  if (provider === providers.cloud) return keyVersion === 0
  return Number.isInteger(keyVersion) && keyVersion >= 0 && keyVersion <= 0xffffffff
}
