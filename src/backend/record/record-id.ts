// What a record id is made of: the pseudonym of its user, then its own.
import { pseudonymBytes } from '../../core/envelope-sizes.js'

/** The first half of a record id. */
export function userPseudonymOf(recordId: Buffer): Buffer {
  return recordId.subarray(0, pseudonymBytes)
}

/** Both halves, the user's first. */
export function halvesOf(recordId: Buffer): [user: Buffer, record: Buffer] {
  return [userPseudonymOf(recordId), recordId.subarray(pseudonymBytes)]
}
