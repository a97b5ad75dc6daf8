// A user key: 32 random bytes that wrap everything of one user, one live generation at a time. Its bind proves that an
// unwrapped key belongs to this user, so that a back end cannot serve one user's key for another:
//   bind = HKDF-Expand-SHA-256(user key, "record-vault/v1/user-bind" || 00 || SHA-256(context 13), 32)
import { contextHash, userBindContext } from './context.js'
import { labels } from './derive.js'
import { mismatch } from './errors.js'
import { type HmacKey, hkdfExpand, macEquals, macSize } from './hmac.js'

export const userUidSize = 16

/** An unwrapped generation of a user's key; prints no key. */
export interface UserKey {
  uid: Buffer
  generation: number
  key: HmacKey
}

export interface UserIdentity {
  realm: string
  userId: string
  userUid: Buffer
}

/** The bind to store beside a wrapped key. */
export function userBind(key: HmacKey, identity: UserIdentity): Buffer {
  return hkdfExpand(key, [labels.userBind, contextHash(userBindContext(identity))], macSize)
}

/** Refuses a key, uid or bind that is not this user's with RECORD_KEY_MISMATCH; uid and bind are the back end's word. */
export function verifyUserBind(key: HmacKey, identity: UserIdentity, bind: Buffer): void {
  if (identity.userUid.length !== userUidSize) throw mismatch('user uid')
  if (!macEquals(bind, userBind(key, identity))) throw mismatch('user bind')
}
