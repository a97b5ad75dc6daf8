// Compare-and-set without transactions (optimistic concurrency): read, decide, write on the condition that the row has
// not changed since, and start again after a conflict.
import { setTimeout as sleep } from 'node:timers/promises'
import { backoffMs } from '../../core/concurrency/backoff.js'
import { VaultError } from '../../core/errors.js'
import { checkDeadline } from './deadline.js'
import type { StoreCall } from './store.js'

/** The result of an attempt that lost to another writer. It has written nothing. */
export const conflict = Symbol('conflict')

const maxAttempts = 32
const backoff = { firstMs: 1, maxMs: 256 }

/** Repeats `attempt` while it conflicts. Throws CONTENTION after 32 conflicts; then nothing was written. */
export async function retryOnConflict<T>(attempt: () => Promise<T | typeof conflict>, call: StoreCall): Promise<T> {
  for (let tries = 1; tries <= maxAttempts; tries += 1) {
    checkDeadline(call)
    const result = await attempt()
    if (result !== conflict) return result
    // Jittered over the whole pause: writers that collided must not return together.
    await sleep(Math.random() * backoffMs(tries, backoff))
  }
  throw new VaultError('CONTENTION', { message: 'too many calls write this record at once; try again' })
}
