// Unwrapped user keys, kept for a bounded time and wiped when they leave.
import { LRUCache } from 'lru-cache'
import type { UserKey } from '../crypto/user-key.js'

export interface UserKeyCache {
  get(digest: string): UserKey | undefined
  /** The key kept from now on: of two that race, the first, so that nobody's key is wiped in use. */
  keep(digest: string, userKey: UserKey): UserKey
  /** Wipes all. */
  close(): void
}

export function userKeyCache({ maxUsers, maxAgeMs }: { maxUsers: number; maxAgeMs: number }): UserKeyCache {
  const cache = new LRUCache<string, UserKey>({
    max: maxUsers,
    ttl: maxAgeMs,
    ttlResolution: 0, // reads the clock each time; to remember it for a moment, a timer each, costs more
    ttlAutopurge: true, // a key whose user never comes again is wiped in time too
    // A turn later: a call that was handed the key a moment ago still uses it in this one.
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
