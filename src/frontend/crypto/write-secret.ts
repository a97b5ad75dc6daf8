// The secret of a write that its caller made (crypto.md section 6 f): a token, or in mode server a write id. The caller has
// it before the call, so that a lost answer loses no record, and a repeat with the same secret is the same write.
import { hash } from 'node:crypto'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { type ContextOf, contextHash, recordContext } from './context.js'
import { labels } from './derive.js'
import { type Mode, modes } from './envelope.js'
import { guard } from './errors.js'
import { HmacKey, hkdfExpand, keySize, macSize, takeKey } from './hmac.js'
import { randomSource } from './random.js'
import { secretArena } from './secret-arena.js'
import { drawToken, parseToken, type RecordKey, type TokenMode } from './token.js'

/** Of a write id, in bytes. */
export const writeIdSize = keySize

/** A secret in use; its owner closes the key at the end of the call. Never log it: it has the text of the token. */
export interface WriteSecret {
  mode: Mode
  /** The key id of the write, and so of the version that it makes. */
  keyId: Buffer
  /** The secret itself. */
  key: HmacKey
  /** Undefined in mode server. */
  token: RecordKey | undefined
  /** The text of the token; empty in mode server. */
  text: string
}

/** What a write digest covers beside the identity of the record. */
export interface WrittenContents {
  sizeBytes: number
  /** SHA-256 of the contents. */
  contentsHash: Buffer
  /** Attributes and expiry as they are sealed, without a digest. */
  attributes: Buffer
}

/** The source of the secrets that a caller makes in this process. */
const random = randomSource()

/** A new token of this mode, for one write: the caller has it before the call. */
export function newRecordKey(mode: TokenMode): string {
  const { text, key } = drawToken(mode, random)
  key.close()
  return text
}

/** A new write id, for one write in mode server. */
export function newWriteId(): Buffer {
  return random.fill(Buffer.alloc(writeIdSize))
}

/** The secret of a token in a field; throws INVALID_REQUEST as `parseToken` does. */
export function tokenSecret(text: string, field: string): WriteSecret {
  const token = parseToken(text, field)
  return { ...token, token, text }
}

/** The secret of a write id, whose size the caller has checked. */
export function writeIdSecret(writeId: Buffer): WriteSecret {
  guard(writeId.length === writeIdSize, 'a write id has 32 bytes')
  return { mode: modes.server, keyId: keyIdOf(writeId), key: HmacKey.brief(writeId), token: undefined, text: '' }
}

/** SHA-256(label || 00 || write id), cut to 16 bytes: it is listed in clear, and must not tell the write id. */
function keyIdOf(writeId: Buffer): Buffer {
  const preimage = secretArena(labels.writeId.length + writeIdSize)
  labels.writeId.copy(preimage)
  writeId.copy(preimage, labels.writeId.length)
  const keyId = Buffer.alloc(keyIdBytes)
  keyId.write(hash('sha256', preimage, 'binary').slice(0, keyIdBytes), 'binary') // public, so it may be a string
  preimage.fill(0)
  return keyId
}

/** SHA-256 of contents that are in memory as a whole. */
export function hashContents(data: Buffer): Buffer {
  return hash('sha256', data, 'buffer')
}

/** The write digest W: equal for equal contents, attributes and expiry of one record under one secret, and for nothing else. */
export function writeDigest(secret: WriteSecret, identity: ContextOf<'record'>, written: WrittenContents): Buffer {
  const { sizeBytes, contentsHash, attributes } = written
  const info = [labels.write, contextHash(recordContext(identity))]
  const key = takeKey(hkdfExpand(secret.key, info, macSize), { brief: true })
  const size = Buffer.alloc(8)
  size.writeBigUInt64BE(BigInt(sizeBytes))
  try {
    return key.mac(size, contentsHash, hash('sha256', attributes, 'buffer'))
  } finally {
    key.close()
  }
}
