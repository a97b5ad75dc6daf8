// A user key: 32 random bytes that wrap everything of one user, one live generation at a time. Its bind proves that an
// unwrapped key belongs to this user, so that a back end cannot serve one user's key for another:
//   bind = HKDF-Expand-SHA-256(user key, "record-vault/v1/user-bind" || 00 || SHA-256(context 13), 32)
import { hash } from 'node:crypto'
import { userUidBytes } from '../../core/envelope-sizes.js'
import { contextHash, userBindContext } from './context.js'
import { labels } from './derive.js'
import { mismatch } from './errors.js'
import { type HmacKey, hkdfExpand, macEquals, macSize } from './hmac.js'

/** An unwrapped generation of a user's key; it prints no key. */
export interface UserKey {
  uid: Buffer
  generation: number
  key: HmacKey
}

/** One life of a user. */
export interface UserIdentity {
  realm: string
  userId: string
  userUid: Buffer
}

/** The bind to store beside a wrapped key. */
export function userBind(key: HmacKey, identity: UserIdentity): Buffer {
  return hkdfExpand(key, [labels.userBind, contextHash(userBindContext(identity))], macSize)
}

/**
 * Throws RECORD_KEY_MISMATCH for a key, uid or bind of another user; uid and bind are unverified claims of the back
 * end.
 */
export function verifyUserBind(key: HmacKey, identity: UserIdentity, bind: Buffer): void {
  if (identity.userUid.length !== userUidBytes) throw mismatch('user uid')
  if (!macEquals(bind, userBind(key, identity))) throw mismatch('user bind')
}

/** A wrapped generation of a user's key, as stored. */
export interface StoredGeneration {
  generation: number
  wrappedKey: Buffer
  userBind: Buffer
}

/**
 * The name of an unwrapped key in a cache: SHA-256(context 13 || u32 generation || wrapped || bind), of everything that
 * vouches for the key. By the wrapped bytes alone a hit could be another user's key, whose bind was never verified for this
 * user.
 */
export function userKeyDigest(identity: UserIdentity, { generation, wrappedKey, userBind }: StoredGeneration): string {
  const number = Buffer.allocUnsafe(4)
  number.writeUInt32BE(generation)
  return hash('sha256', Buffer.concat([userBindContext(identity), number, wrappedKey, userBind]), 'binary')
}
