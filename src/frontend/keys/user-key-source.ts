// The source of user keys: it makes new ones, or unwraps stored ones with a provider. Of a document of the back end it
// trusts only what the bind proves: that the unwrapped key is this user's.
import { userUidBytes } from '../../core/envelope-sizes.js'
import type { UserDocument, UserKeyGeneration } from '../../gen/encserver/v1/backend.js'
import { keySize, takeKey } from '../crypto/hmac.js'
import type { RandomSource } from '../crypto/random.js'
import { type UserKey, userBind, verifyUserBind } from '../crypto/user-key.js'
import { encodeWrappedKey } from '../crypto/wrapped-key.js'
import { type KeyProvider, unwrapWith } from './key-provider.js'

const firstGeneration = 1

/** A user by the id of requests and by the pseudonym in the store. */
export interface User {
  userId: string
  /** The pseudonym under the active key. */
  pseudonym: Buffer
}

/** Makes and unwraps user keys. */
export interface UserKeySource {
  /** Starts a new life of a user: a new key, and the document to store with the first record. */
  create(user: User): Promise<{ userKey: UserKey; document: UserDocument }>
  /** Rejects with RECORD_KEY_MISMATCH if the key is not this user's. */
  unwrap(life: { userId: string; userUid: Buffer }, stored: UserKeyGeneration): Promise<UserKey>
}

/** What a source is made of. */
export interface UserKeySourceParts {
  realm: string
  /** The first provider wraps new keys; all of them unwrap. */
  providers: [KeyProvider, ...KeyProvider[]]
  random: RandomSource
}

/** A source over key providers. */
export function userKeySource({ realm, providers, random }: UserKeySourceParts): UserKeySource {
  return {
    async create({ userId, pseudonym }) {
      const userUid = random.fill(Buffer.alloc(userUidBytes))
      const bytes = random.fill(Buffer.alloc(keySize))
      const generation = firstGeneration
      try {
        const wrappedKey = encodeWrappedKey(await providers[0].wrap(bytes, { realm, userUid, generation }))
        const key = takeKey(bytes)
        const bind = userBind(key, { realm, userId, userUid })
        const generations = [{ generation, wrappedKey, userBind: bind }]
        return {
          userKey: { uid: userUid, generation, key },
          document: { userPseudonym: pseudonym, userUid, generations },
        }
      } finally {
        bytes.fill(0)
      }
    },
    async unwrap({ userId, userUid }, { generation, wrappedKey, userBind: bind }) {
      const key = takeKey(await unwrapWith(providers, wrappedKey, { realm, userUid, generation }))
      try {
        verifyUserBind(key, { realm, userId, userUid }, bind)
      } catch (error) {
        key.close()
        throw error
      }
      return { uid: userUid, generation, key }
    },
  }
}
