// Box v1, for short secrets: keys, entries, ids, fields. A box is 88 bytes longer than its plaintext.
//   0 version 01 | 1 suite | 2 purpose | 3 flags 00 | 4 generation u32 | 8 salt 32 | 40 commitment 32 |
//   72 ciphertext | tag 16
// Bytes 0..39 are the head of the derivation. Each derived key seals one message, so the nonce is that of chunk 0. The
// generation is that of the wrapping key: the user key, or the key-encryption key for purpose 04.
import { tagBytes } from '../../core/envelope-sizes.js'
import { chunkNonce, decrypt, encrypt, isSuite, type Suite } from './aead.js'
import { type Purpose, purposes } from './context.js'
import { commitmentSize, type DerivedKeys, deriveKeys, labels, saltSize } from './derive.js'
import { guard, mismatch } from './errors.js'
import { type HmacKey, macEquals } from './hmac.js'
import type { RandomSource } from './random.js'

const version = 1
const suiteAt = 1
const purposeAt = 2
const flagsAt = 3
const generationAt = 4
const saltAt = 8
const headSize = saltAt + saltSize
const bodyAt = headSize + commitmentSize
/** The bytes that a box has beyond its plaintext. */
export const boxOverhead = bodyAt + tagBytes
// Never written to: a box is its own chunk 0.
const nonce = chunkNonce(0)

/** The purposes whose ciphertext is a box. */
export type BoxPurpose = Extract<Purpose, 'userId' | 'userKey' | 'entry' | 'field'>

interface BoxKey {
  key: HmacKey
  generation: number
  purpose: BoxPurpose
  contextHash: Buffer
}

/** The parameters of a new box. */
export interface BoxTerms extends BoxKey {
  suite: Suite
}

/** What a box must be to open. */
export interface ExpectedBox extends BoxKey {
  readSuites: readonly Suite[]
}

/** Seals a short secret; the plaintext stays the caller's to wipe. */
export function sealBox(terms: BoxTerms, plaintext: Buffer, random: RandomSource): Buffer {
  const { key, suite, contextHash } = terms
  guard(isSuite(suite), 'a suite is 01 or 02')
  const box = Buffer.allocUnsafe(boxOverhead + plaintext.length) // every byte is written below
  writeHead(box, terms, random)
  const { commitment, aeadKey } = deriveKeys(key, { label: labels.box, head: box.subarray(0, headSize), contextHash })
  try {
    const [ciphertext, tag] = encrypt({ suite, key: aeadKey, nonce }, plaintext)
    commitment.copy(box, headSize)
    ciphertext.copy(box, bodyAt)
    tag.copy(box, bodyAt + ciphertext.length)
    return box
  } finally {
    aeadKey.fill(0)
  }
}

/** Opens a box: RECORD_KEY_MISMATCH up to the commitment, RECORD_CORRUPT after it. Two HMACs whatever is wrong. */
export function openBox(expected: ExpectedBox, box: Buffer): Buffer {
  const bytes = box.length < boxOverhead ? Buffer.concat([box], boxOverhead) : box
  const { key, contextHash } = expected
  const keys = deriveKeys(key, { label: labels.box, head: bytes.subarray(0, headSize), contextHash })
  try {
    const fault = box.length < boxOverhead ? 'box length' : faultOf(bytes, expected, keys)
    if (fault) throw mismatch(fault)
    const call = { suite: bytes[suiteAt] as Suite, key: keys.aeadKey, nonce }
    return decrypt(call, bytes.subarray(bodyAt, -tagBytes), bytes.subarray(-tagBytes))
  } finally {
    keys.aeadKey.fill(0)
  }
}

/** The generation that a box claims, to look up its key; undefined if it is too short to be a box. */
export function boxGeneration(box: Buffer): number | undefined {
  return box.length < boxOverhead ? undefined : box.readUInt32BE(generationAt)
}

function writeHead(box: Buffer, { suite, purpose, generation }: BoxTerms, random: RandomSource): void {
  guard(Number.isInteger(generation) && generation >= 0 && generation <= 0xffffffff, 'a generation is a u32')
  box[0] = version
  box[suiteAt] = suite
  box[purposeAt] = purposes[purpose].code
  box[flagsAt] = 0
  box.writeUInt32BE(generation, generationAt)
  random.fill(box.subarray(saltAt, headSize))
}

function faultOf(box: Buffer, expected: ExpectedBox, keys: DerivedKeys): string | undefined {
  const suite = box[suiteAt] as number
  if (box[0] !== version || box[flagsAt] !== 0) return 'box version'
  if (!isSuite(suite) || !expected.readSuites.includes(suite)) return 'box suite'
  if (box[purposeAt] !== purposes[expected.purpose].code) return 'box purpose'
  if (box.readUInt32BE(generationAt) !== expected.generation) return 'box generation'
  return macEquals(box.subarray(headSize, bodyAt), keys.commitment) ? undefined : 'box commitment'
}
