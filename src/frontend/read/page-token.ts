// The page token of a list: base64url(01 || 36-byte record pseudonym || u32 user kid). It is opaque to callers, and
// unsigned: the user's half of the position is built from the request, so a forged token only moves within one's own
// records.
import { pseudonymBytes } from '../../core/envelope-sizes.js'
import { invalidField } from '../../core/errors.js'

const version = 1
const userKidAt = 1 + pseudonymBytes
const tokenBytes = userKidAt + 4

/** The last record of a page. */
export interface PagePosition {
  recordPseudonym: Buffer
  /** The number of the pseudonym key of the user's half. */
  userKid: number
}

/** The token of the page after this position. */
export function encodePageToken({ recordPseudonym, userKid }: PagePosition): string {
  const bytes = Buffer.alloc(tokenBytes)
  bytes.writeUInt8(version, 0)
  recordPseudonym.copy(bytes, 1)
  bytes.writeUInt32BE(userKid, userKidAt)
  return bytes.toString('base64url')
}

/** Throws INVALID_REQUEST for a token that this vault did not make. */
export function decodePageToken(token: string): PagePosition {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length !== tokenBytes || bytes[0] !== version || bytes.toString('base64url') !== token) {
    throw invalidField('page_token', 'is not the next_page_token of a page')
  }
  return { recordPseudonym: bytes.subarray(1, userKidAt), userKid: bytes.readUInt32BE(userKidAt) }
}
