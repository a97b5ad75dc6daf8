// Compare-and-set without transactions: read, decide, write on the condition that nothing has changed; whoever was
// overtaken has another turn.
import { setTimeout as sleep } from 'node:timers/promises'
import { VaultError } from '../../core/errors.js'
import { checkDeadline } from './deadline.js'
import type { StoreCall } from './store.js'

/** What a turn returns when another writer was faster: it has written nothing. */
export const conflict = Symbol('overtaken')

const maxTurns = 32
const firstPauseMs = 1
const maxPauseMs = 256

/** Doubles, and is jittered over its whole length: those who collided must not come back together. */
function pauseMs(turn: number): number {
  return Math.random() * Math.min(maxPauseMs, firstPauseMs * 2 ** turn)
}

/** Takes turns until one is not overtaken; gives up with CONTENTION, and then nothing was written. */
export async function retryOnConflict<T>(turn: () => Promise<T | typeof conflict>, call: StoreCall): Promise<T> {
  for (let count = 0; count < maxTurns; count += 1) {
    checkDeadline(call)
    const result = await turn()
    if (result !== conflict) return result
    await sleep(pauseMs(count))
  }
  throw new VaultError('CONTENTION', { message: 'too many write this record at once; try again' })
}
