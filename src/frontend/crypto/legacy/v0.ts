// v0, the format of the earlier services: AES-256-GCM without associated data. Opened for import, never stored again.
//   prefixed: nonce 12 | ciphertext | tag 16    enc-server-go; each record has a key and a nonce of its own
//   bare:     ciphertext | tag 16               enc-server-py; a record's key also encrypts its user id; one
//                                               configured nonce for all
// A blob commits neither to its key nor to its owner. So a wrong key, a damaged blob and another user's blob look
// alike, and all three are RECORD_KEY_MISMATCH.
import { tagBytes } from '../../../core/envelope-sizes.js'
import { VaultError } from '../../../core/errors.js'
import { type AeadCall, decrypt, encrypt, nonceSize, suites } from '../aead.js'
import { mismatch } from '../errors.js'

const suite = suites.aes256Gcm

/** The largest number of bytes that a blob has beyond its contents. */
export const legacyOverhead = nonceSize + tagBytes

/** Opens a blob; `nonce` is undefined for a prefixed blob. Throws RECORD_KEY_MISMATCH if the tag does not verify. */
export function openLegacy({ key, nonce }: { key: Buffer; nonce: Buffer | undefined }, blob: Buffer): Buffer {
  const start = nonce === undefined ? nonceSize : 0
  if (blob.length < start + tagBytes) throw mismatch('v0 length')
  const call = { suite, key, nonce: nonce ?? blob.subarray(0, nonceSize) }
  return openOrRefuse(call, blob.subarray(start, -tagBytes), blob.subarray(-tagBytes))
}

/**
 * The id under which the earlier services kept a user: the user id encrypted under a nonce that never changed. It is a
 * lookup key, not protection: anyone who knows one user's id can read every other up to its length.
 */
export function legacyId({ key, nonce, prefixed }: LegacyIdTerms, userId: string): Buffer {
  const sealed = encrypt({ suite, key, nonce }, Buffer.from(userId))
  return Buffer.concat(prefixed ? [nonce, ...sealed] : sealed)
}

/** The key and form of a legacy id. */
export interface LegacyIdTerms {
  /** The key for all ids, or with enc-server-py that of the record. */
  key: Buffer
  nonce: Buffer
  prefixed: boolean
}

// Without a commitment, a failed tag does not tell a wrong key from damaged bytes.
function openOrRefuse(call: AeadCall, ciphertext: Buffer, tag: Buffer): Buffer {
  try {
    return decrypt(call, ciphertext, tag)
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'RECORD_CORRUPT') throw mismatch('v0 tag')
    throw error
  }
}
