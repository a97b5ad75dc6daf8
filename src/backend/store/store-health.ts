// The health of a store of several databases: the state of the first database that is not ready.
import type { StoreHealth } from './store.js'

/** How long a caller should wait before it asks a store again that is not ready, in milliseconds. */
export const retryAfterMs = 1_000

/**
 * True for errors of a file system, or of an engine that quotes them, that report a full disk or an exhausted quota.
 */
export function isDiskFull({ message }: Error): boolean {
  return /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(message)
}

/** The health of all databases of a store together. */
export interface CombinedHealth {
  /** Adds the health of a database, which must call `update` on each change. */
  add(database: () => StoreHealth): void
  /** Tells the listeners if the combined health has changed. */
  update(): void
  health(): StoreHealth
  /** Calls the listener on each change, until the returned function is called. */
  onHealth(listener: (health: StoreHealth) => void): () => void
}

/** A combined health without databases, which is ready. */
export function combinedHealth(): CombinedHealth {
  const databases: (() => StoreHealth)[] = []
  const listeners = new Set<(health: StoreHealth) => void>()
  let last: StoreHealth = 'ready'
  const health = () => databases.map((database) => database()).find((state) => state !== 'ready') ?? 'ready'

  return {
    add(database) {
      databases.push(database)
    },
    update() {
      const previous = last
      last = health()
      if (last !== previous) for (const listener of listeners) listener(last)
    },
    health,
    onHealth(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
