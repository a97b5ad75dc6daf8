// Pseudonyms, which the back end sees instead of ids and names:
//   u32 kid | HMAC-SHA-256(PK[kid], "record-vault/v1/pseudonym" || 00 || context 11 or 12)          36 bytes
// A PRF shows equality and nothing else. The record's includes the user, so equal names of two users are unlinkable.
import { pseudonymBytes } from '../../core/envelope-sizes.js'
import { recordPseudonymContext, userPseudonymContext } from './context.js'
import { labels } from './derive.js'
import { guard } from './errors.js'
import type { HmacKey } from './hmac.js'

/** A key of the keyring and its number. */
export interface PseudonymKey {
  kid: number
  key: HmacKey
}

/** The pseudonym of a user. */
export function userPseudonym(pseudonymKey: PseudonymKey, user: { realm: string; userId: string }): Buffer {
  return pseudonymOf(pseudonymKey, userPseudonymContext(user))
}

/** The pseudonym of a user's record; the empty name is the unnamed record. */
export function recordPseudonym(
  pseudonymKey: PseudonymKey,
  record: { realm: string; userId: string; recordName: string },
): Buffer {
  return pseudonymOf(pseudonymKey, recordPseudonymContext(record))
}

function pseudonymOf({ kid, key }: PseudonymKey, context: Buffer): Buffer {
  guard(Number.isInteger(kid) && kid >= 0 && kid <= 0xffffffff, 'a pseudonym key id is a u32')
  const pseudonym = Buffer.allocUnsafe(pseudonymBytes)
  pseudonym.writeUInt32BE(kid)
  pseudonym.write(key.publicMac(labels.pseudonym, context), 4, 'binary')
  return pseudonym
}
