// An LRU cache of unwrapped user keys with a maximum age. It wipes each key that it drops.
import { LRUCache } from 'lru-cache'
import type { UserKey } from '../crypto/user-key.js'

/** Unwrapped user keys by their digest. */
export interface UserKeyCache {
  get(digest: string): UserKey | undefined
  /** Adds the key and returns the cached one: of two that race, the first, so that no key is wiped while in use. */
  keep(digest: string, userKey: UserKey): UserKey
  /** Wipes all keys. */
  close(): void
}

/** A cache of at most `maxUsers` keys, each for at most `maxAgeMs`. */
export function userKeyCache({ maxUsers, maxAgeMs }: { maxUsers: number; maxAgeMs: number }): UserKeyCache {
  const cache = new LRUCache<string, UserKey>({
    max: maxUsers,
    ttl: maxAgeMs,
    ttlResolution: 0, // reads the clock each time: caching the time costs a timer each, which is slower
    ttlAutopurge: true, // wipes in time even the key of a user who never returns
    // Wipes in the next turn of the event loop: a call that just got the key still uses it in this one.
    dispose: ({ key }) => setImmediate(() => key.close()),
  })
  return {
    get: (digest) => cache.get(digest),
    keep(digest, userKey) {
      const first = cache.get(digest)
      if (first === undefined) cache.set(digest, userKey)
      else userKey.key.close()
      return first ?? userKey
    },
    close: () => cache.clear(),
  }
}
