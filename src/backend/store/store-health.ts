// One health for a store of several databases: the first reason why one of them is not ready.
import type { StoreHealth } from './store.js'

/** How long a caller should leave a store alone that is not ready, in milliseconds. */
export const retryAfterMs = 1_000

/** True for the errors of a file system, or of an engine that quotes them, that mean: no space or no quota is left. */
export function isDiskFull({ message }: Error): boolean {
  return /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/.test(message)
}

export interface CombinedHealth {
  /** Adds a part; it says `changed` when its health changes. */
  add(part: () => StoreHealth): void
  changed(): void
  health(): StoreHealth
  onHealth(listener: (health: StoreHealth) => void): () => void
}

export function combinedHealth(): CombinedHealth {
  const parts: (() => StoreHealth)[] = []
  const listeners = new Set<(health: StoreHealth) => void>()
  let known: StoreHealth = 'ready'
  const health = () => parts.map((part) => part()).find((state) => state !== 'ready') ?? 'ready'

  return {
    add(part) {
      parts.push(part)
    },
    changed() {
      const before = known
      known = health()
      if (known !== before) for (const listener of listeners) listener(known)
    },
    health,
    onHealth(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
