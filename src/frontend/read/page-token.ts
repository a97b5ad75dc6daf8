// page_token = base64url(01 || 36-byte record pseudonym || u32 user kid): opaque to callers, and unsigned, because the
// user's half of the key is built from the request: a forged one only moves within one's own records.
import { invalidField } from '../../core/errors.js'

const version = 1
const tokenBytes = 41
const pseudonymEnd = 37

export interface PagePosition {
  recordPseudonym: Buffer
  userKid: number
}

export function encodePageToken({ recordPseudonym, userKid }: PagePosition): string {
  const bytes = Buffer.alloc(tokenBytes)
  bytes.writeUInt8(version, 0)
  recordPseudonym.copy(bytes, 1)
  bytes.writeUInt32BE(userKid, pseudonymEnd)
  return bytes.toString('base64url')
}

/** Throws INVALID_REQUEST for what this vault did not give out. */
export function decodePageToken(token: string): PagePosition {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length !== tokenBytes || bytes[0] !== version || bytes.toString('base64url') !== token) {
    throw invalidField('page_token', 'is not the next_page_token of a page')
  }
  return { recordPseudonym: bytes.subarray(1, pseudonymEnd), userKid: bytes.readUInt32BE(pseudonymEnd) }
}
