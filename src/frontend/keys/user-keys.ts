// The user keys in use, one step above the cache: which key seals for a user, and which opens a stored record.
import { LRUCache } from 'lru-cache'
import type { UserDocument, UserKeyGeneration } from '../../gen/encserver/v1/backend.js'
import { mismatch } from '../crypto/errors.js'
import { type UserKey, userUidSize } from '../crypto/user-key.js'
import { userKeyDigest } from '../crypto/user-key-digest.js'
import { userKeyCache } from './user-key-cache.js'
import { type User, type UserKeySourceParts, userKeySource } from './user-key-source.js'

/** What to seal a record with. */
export interface Sealing {
  userKey: UserKey
  /** Set while the store may not have the user yet: to be sent with the record. */
  newUser: UserDocument | undefined
}

export interface UserKeys {
  /** The key last seen for this user; a new one for a user not seen lately. */
  sealing(user: User): Promise<Sealing>
  /** The store has the user with this key. */
  confirm(user: User, userKey: UserKey): void
  /** The key of a generation, of the newest if none is named; RECORD_KEY_MISMATCH when the document is not this user's. */
  open(user: User, document: UserDocument, generation?: number): Promise<UserKey>
  /** The store does not have the user with this key any more; a life learned since is kept. */
  forget(user: User, userKey: UserKey): void
  /** Wipes all keys. */
  close(): void
}

export interface UserKeysParts extends UserKeySourceParts {
  limits: { maxUsers: number; maxAgeMs: number }
}

interface Latest {
  digest: string
  uid: Buffer
  newUser: UserDocument | undefined
}

export function userKeys({ limits, ...parts }: UserKeysParts): UserKeys {
  const { realm } = parts
  const source = userKeySource(parts)
  const cache = userKeyCache(limits)
  const latest = new LRUCache<string, Latest>({ max: limits.maxUsers })
  // Racing first stores of one user share one new key, racing opens of one document one call of the provider.
  const creating = new Map<string, Promise<Sealing>>()
  const unwrapping = new Map<string, Promise<UserKey>>()

  async function create(user: User): Promise<Sealing> {
    const { userKey, document } = await source.create(user)
    const { userUid, generations } = document
    const digest = userKeyDigest({ realm, userId: user.userId, userUid }, generations[0] as UserKeyGeneration)
    latest.set(nameOf(user), { digest, uid: userUid, newUser: document })
    return { userKey: cache.keep(digest, userKey), newUser: document }
  }

  return {
    async sealing(user) {
      const name = nameOf(user)
      const seen = latest.get(name)
      const userKey = seen && cache.get(seen.digest)
      if (userKey) return { userKey, newUser: seen.newUser }
      return shared(creating, name, () => create(user))
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
      const userKey = cache.get(digest) ?? (await shared(unwrapping, digest, unwrap))
      if (newest) noteLatest(latest, nameOf(user), { digest, uid: life.userUid, newUser: undefined })
      return userKey
    },
    forget(user, { uid }) {
      if (latest.get(nameOf(user))?.uid.equals(uid)) latest.delete(nameOf(user))
    },
    close: cache.close,
  }
}

// What is known already is not written anew: it would be one more object that outlives its call, for every record read.
function noteLatest(latest: LRUCache<string, Latest>, name: string, now: Latest): void {
  const seen = latest.get(name)
  if (seen?.digest !== now.digest || seen.newUser) latest.set(name, now)
}

/** The work under way of that name, or else this work. */
function shared<T>(underWay: Map<string, Promise<T>>, name: string, work: () => Promise<T>): Promise<T> {
  const first = underWay.get(name)
  if (first !== undefined) return first
  const started = work().finally(() => underWay.delete(name))
  underWay.set(name, started)
  return started
}

function nameOf({ pseudonym }: User): string {
  return pseudonym.toString('latin1')
}

/** The document is the back end's word: it may lack generations, and its uid may have any length. */
function generationOf({ userUid, generations }: UserDocument, number: number | undefined) {
  if (userUid.length !== userUidSize) throw mismatch('user uid')
  const last = generations.at(-1)
  const generation = number === undefined ? last : generations.find((known) => known.generation === number)
  if (generation === undefined) throw mismatch('user key generation')
  return { generation, newest: generation === last }
}
