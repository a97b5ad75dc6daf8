// A second implementation of docs/crypto.md section 6 (f), from the text and with `node:crypto` alone: no code of `src` is in
// it. It makes the vectors of repeated writes (write-vectors.ts), so that two implementations must agree on them.
import { createCipheriv, createHash, createHmac } from 'node:crypto'

/** Bytes `from`, `from + 1`, … */
export const run = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, at) => (from + at) & 0xff))
const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const hmac = (key: Buffer, ...parts: Buffer[]) => createHmac('sha256', key).update(Buffer.concat(parts)).digest()
const label = (name: string) => Buffer.from(`record-vault/v1/${name}\0`)
export const u = (bytes: number, value: number) => Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex')
export const hexOf = (bytes: Buffer) => bytes.toString('hex')

export type Mode = 1 | 2 | 3

export interface Identity {
  realm: string
  userId: string
  recordName: string
  callerAad: Buffer
}

export interface Write {
  mode: Mode
  /** rk, or the write id in mode server. */
  s: Buffer
  /** Of the token; derived from `s` in mode server. */
  keyId: Buffer
  identity: Identity
  contents: Buffer
  /** A of the text: the encoded attributes and expiry. */
  attributes: Buffer
}

/** What the front end draws for an attempt, and the key that it seals under. */
export interface Attempt {
  salt: Buffer
  entrySalt: Buffer
  dataKey: Buffer
  userKey: Buffer
}

function context(purpose: number, fields: [number, Buffer][]): Buffer {
  const all: [number, Buffer][] = [[1, u(1, purpose)], ...fields]
  const parts = all.map(([tag, value]) => Buffer.concat([u(1, tag), u(4, value.length), value]))
  return Buffer.concat([Buffer.from('rvctx'), u(1, 1), u(1, all.length), ...parts])
}

function recordContext({ realm, userId, recordName, callerAad }: Identity): Buffer {
  const aad: [number, Buffer][] = callerAad.length > 0 ? [[8, callerAad]] : []
  return context(1, [[2, Buffer.from(realm)], [3, Buffer.from(userId)], [4, Buffer.from(recordName)], ...aad])
}

export function keyIdOf({ mode, s, keyId }: Write): Buffer {
  return mode === 2 ? sha256(label('write-id'), s).subarray(0, 16) : keyId
}

export function digestOf({ s, identity, contents, attributes }: Write) {
  const contentsHash = sha256(contents)
  const attributesHash = sha256(attributes)
  const key = hmac(s, label('write'), sha256(recordContext(identity)), u(1, 1))
  return { contentsHash, attributesHash, key, digest: hmac(key, u(8, contents.length), contentsHash, attributesHash) }
}

/** HKDF-Expand to 64 bytes: commitment and AEAD key. */
function derive(prk: Buffer, info: Buffer) {
  const commitment = hmac(prk, info, u(1, 1))
  return { commitment, aeadKey: hmac(prk, commitment, info, u(1, 2)) }
}

export function headerOf(write: Write, { salt, dataKey }: Attempt): Buffer {
  const { mode, s } = write
  const prk = mode === 1 ? s : mode === 2 ? dataKey : hmac(s, dataKey)
  const head = Buffer.concat([Buffer.from('RVLT'), Buffer.of(1, 1, mode, 16), keyIdOf(write), salt])
  const { commitment } = derive(prk, Buffer.concat([label('envelope'), head, sha256(recordContext(write.identity))]))
  return Buffer.concat([head, commitment])
}

export const field = (number: number, value: Buffer) => Buffer.concat([Buffer.of(number * 8 + 2, value.length), value])

/** The attributes of an entry: A, the write digest, and in mode client the commitment. */
export function sealedAttributes(write: Write, header: Buffer): Buffer {
  const binding = write.mode === 1 ? [field(4, header.subarray(56, 88))] : []
  return Buffer.concat([write.attributes, field(3, digestOf(write).digest), ...binding])
}

export function entryOf(write: Write, { entrySalt, dataKey, userKey }: Attempt, attributes: Buffer): Buffer {
  const { realm, userId, recordName } = write.identity
  const name = Buffer.from(recordName)
  const body = Buffer.concat([u(2, name.length), name, u(2, attributes.length), attributes])
  const padding = Buffer.alloc((64 - (body.length % 64)) % 64)
  const plaintext = Buffer.concat([write.mode === 1 ? Buffer.alloc(0) : dataKey, body, padding])
  const head = Buffer.concat([Buffer.of(1, 1, 5, 0), u(4, 1), entrySalt])
  const ctx = context(5, [
    [2, Buffer.from(realm)],
    [3, Buffer.from(userId)],
    [6, keyIdOf(write)],
  ])
  const { commitment, aeadKey } = derive(userKey, Buffer.concat([label('box'), head, sha256(ctx)]))
  const cipher = createCipheriv('aes-256-gcm', aeadKey, Buffer.alloc(12), { authTagLength: 16 })
  return Buffer.concat([head, commitment, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{5}/g) ?? [])
    .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)])
    .join('')
}

export function tokenOf({ mode, keyId, s }: Write): string {
  const payload = Buffer.concat([Buffer.of(mode), keyId, s])
  return `rvk1_${base32(Buffer.concat([payload, sha256(Buffer.from('rvk1_'), payload).subarray(0, 6)]))}`
}
