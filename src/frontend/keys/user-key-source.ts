// Where user keys come from: made new, or unwrapped by a provider. A document of the back end is believed only as far as
// its bind goes, which proves that the unwrapped key is this user's.
import type { UserDocument, UserKeyGeneration } from '../../gen/encserver/v1/backend.js'
import { keySize, takeKey } from '../crypto/hmac.js'
import type { RandomSource } from '../crypto/random.js'
import { type UserKey, userBind, userUidSize, verifyUserBind } from '../crypto/user-key.js'
import { encodeWrappedKey } from '../crypto/wrapped-key.js'
import { type KeyProvider, unwrapWith } from './key-provider.js'

const firstGeneration = 1

/** A user as requests name them, and as the store knows them. */
export interface User {
  userId: string
  /** Under the active pseudonym key. */
  pseudonym: Buffer
}

export interface UserKeySource {
  /** A new life of a user: its key, and the document to store with the first record. */
  create(user: User): Promise<{ userKey: UserKey; document: UserDocument }>
  /** Rejects with RECORD_KEY_MISMATCH when the key is not this user's. */
  unwrap(life: { userId: string; userUid: Buffer }, stored: UserKeyGeneration): Promise<UserKey>
}

export interface UserKeySourceParts {
  realm: string
  /** The first one wraps. */
  providers: [KeyProvider, ...KeyProvider[]]
  random: RandomSource
}

export function userKeySource({ realm, providers, random }: UserKeySourceParts): UserKeySource {
  return {
    async create({ userId, pseudonym }) {
      const userUid = random.fill(Buffer.alloc(userUidSize))
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
