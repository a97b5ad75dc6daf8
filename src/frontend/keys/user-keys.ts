// The user keys in use: it selects the key that seals for a user and the key that opens a stored record, above a cache of
// unwrapped keys.

import { LRUCache } from 'lru-cache'
import { userUidBytes } from '../../core/envelope-sizes.js'
import type { UserDocument, UserKeyGeneration } from '../../gen/encserver/v1/backend.js'
import { mismatch } from '../crypto/errors.js'
import { type UserKey, userKeyDigest } from '../crypto/user-key.js'
import { userKeyCache } from './user-key-cache.js'
import { type User, type UserKeySourceParts, userKeySource } from './user-key-source.js'

/** The user key to seal a record with. */
export interface SealingKey {
  userKey: UserKey
  /** Set while the store may not have the user yet: the document to send with the record. */
  newUser: UserDocument | undefined
}

/** The user keys of one vault. */
export interface UserKeys {
  /** The key seen last for this user; a new key for a user not seen lately. */
  sealingKey(user: User): Promise<SealingKey>
  /** Records that the store has the user with this key. */
  confirm(user: User, userKey: UserKey): void
  /**
   * The key of a generation, by default the newest, for use in this turn of the event loop. Rejects with RECORD_KEY_MISMATCH for
   * another user's document.
   */
  open(user: User, document: UserDocument, generation?: number): Promise<UserKey>
  /** Records that the store no longer has the user with this key; a newer life of the user is kept. */
  forget(user: User, userKey: UserKey): void
  /** Wipes all keys. */
  close(): void
}

/** What user keys are made of; `limits` bound the cache. */
export interface UserKeysParts extends UserKeySourceParts {
  limits: { maxUsers: number; maxAgeMs: number }
}

/** The newest key seen of a user; `digest` is its key in the cache. */
interface LatestKey {
  digest: string
  uid: Buffer
  newUser: UserDocument | undefined
}

/** Makes the user keys of a vault; `close` wipes them. */
export function userKeys({ limits, ...parts }: UserKeysParts): UserKeys {
  const { realm } = parts
  const source = userKeySource(parts)
  const cache = userKeyCache(limits)
  const latest = new LRUCache<string, LatestKey>({ max: limits.maxUsers })
  // Concurrent first stores of a user share one new key; concurrent opens of a document share one call of the provider.
  const creating = new Map<string, Promise<SealingKey>>()
  const unwrapping = new Map<string, Promise<UserKey>>()

  async function create(user: User): Promise<SealingKey> {
    const { userKey, document } = await source.create(user)
    const { userUid, generations } = document
    const digest = userKeyDigest({ realm, userId: user.userId, userUid }, generations[0] as UserKeyGeneration)
    latest.set(nameOf(user), { digest, uid: userUid, newUser: document })
    return { userKey: cache.keep(digest, userKey), newUser: document }
  }

  return {
    async sealingKey(user) {
      const name = nameOf(user)
      const seen = latest.get(name)
      const userKey = seen && cache.get(seen.digest)
      if (userKey) return { userKey, newUser: seen.newUser }
      return singleFlight(creating, name, () => create(user))
    },
    confirm(user, { uid }) {
      const seen = latest.get(nameOf(user))
      if (seen?.newUser && seen.uid.equals(uid)) latest.set(nameOf(user), { ...seen, newUser: undefined })
    },
    async open(user, document, number) {
      const { generation, newest } = generationOf(document, number)
      const life = { userId: user.userId, userUid: document.userUid }
      const digest = userKeyDigest({ realm, ...life }, generation)
      const unwrap = async () => cache.keep(digest, await source.unwrap(life, generation))
      const userKey = cache.get(digest) ?? (await singleFlight(unwrapping, digest, unwrap))
      if (newest) setLatest(latest, nameOf(user), { digest, uid: life.userUid, newUser: undefined })
      return userKey
    },
    forget(user, { uid }) {
      if (latest.get(nameOf(user))?.uid.equals(uid)) latest.delete(nameOf(user))
    },
    close: cache.close,
  }
}

// Does not write what it already has: that would be one more object that outlives its call, for every record read.
function setLatest(latest: LRUCache<string, LatestKey>, name: string, now: LatestKey): void {
  const seen = latest.get(name)
  if (seen?.digest !== now.digest || seen.newUser) latest.set(name, now)
}

/** Single flight: joins the work in progress of that name, or starts this work. */
function singleFlight<T>(underWay: Map<string, Promise<T>>, name: string, work: () => Promise<T>): Promise<T> {
  const first = underWay.get(name)
  if (first !== undefined) return first
  const started = work().finally(() => underWay.delete(name))
  underWay.set(name, started)
  return started
}

function nameOf({ pseudonym }: User): string {
  return pseudonym.toString('latin1')
}

/**
 * Checks the document, which the back end may have forged: it may lack generations, and its uid may have any length.
 */
function generationOf({ userUid, generations }: UserDocument, number: number | undefined) {
  if (userUid.length !== userUidBytes) throw mismatch('user uid')
  const last = generations.at(-1)
  const generation = number === undefined ? last : generations.find((known) => known.generation === number)
  if (generation === undefined) throw mismatch('user key generation')
  return { generation, newest: generation === last }
}
