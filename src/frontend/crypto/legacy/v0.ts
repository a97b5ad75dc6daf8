// v0, the format of the earlier services: AES-256-GCM without associated data. Opened for import, never stored again.
//   prefixed: nonce 12 | ciphertext | tag 16    enc-server-go; each record has a key and a nonce of its own
//   bare:     ciphertext | tag 16               enc-server-py; one key for id and record, the nonce a setting for all
// Nothing in it commits to its key, nor to whose record it is: a wrong key, a damaged blob and another user's blob look
// alike, and all three are RECORD_KEY_MISMATCH.
import { VaultError } from '../../../core/errors.js'
import { type AeadCall, decrypt, encrypt, nonceSize, suites, tagSize } from '../aead.js'
import { mismatch } from '../errors.js'

const suite = suites.aes256Gcm

/** The most that a blob has beyond its contents. */
export const legacyOverhead = nonceSize + tagSize

/** The contents of a blob, once its tag is verified; the nonce is given when the blob has none in front. */
export function openLegacy({ key, nonce }: { key: Buffer; nonce: Buffer | undefined }, blob: Buffer): Buffer {
  const start = nonce === undefined ? nonceSize : 0
  if (blob.length < start + tagSize) throw mismatch('v0 length')
  const call = { suite, key, nonce: nonce ?? blob.subarray(0, nonceSize) }
  return openOrRefuse(call, blob.subarray(start, -tagSize), blob.subarray(-tagSize))
}

/**
 * The id under which the earlier services kept a user: the user id under a nonce that never changed. A name to look up,
 * no protection: whoever knows one user's id reads every other up to its length.
 */
export function legacyId({ key, nonce, prefixed }: LegacyIdTerms, userId: string): Buffer {
  const sealed = encrypt({ suite, key, nonce }, Buffer.from(userId))
  return Buffer.concat(prefixed ? [nonce, ...sealed] : sealed)
}

export interface LegacyIdTerms {
  /** The one for all ids, or (enc-server-py) that of the record. */
  key: Buffer
  nonce: Buffer
  prefixed: boolean
}

// Without a commitment, a tag that fails says nothing about who is to blame.
function openOrRefuse(call: AeadCall, ciphertext: Buffer, tag: Buffer): Buffer {
  try {
    return decrypt(call, ciphertext, tag)
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'RECORD_CORRUPT') throw mismatch('v0 tag')
    throw error
  }
}
