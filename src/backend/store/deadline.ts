// Work for a call that nobody waits for is not begun.
import { raceDeadline } from '../../core/deadline.js'
import { VaultError } from '../../core/errors.js'
import type { StoreCall } from './store.js'

/** For what is nobody's call: to open a store, to tidy it up. */
export const noDeadline: StoreCall = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal }

/** Why the call has ended; undefined while it goes on. */
export function endOf({ deadline, signal }: StoreCall): VaultError | undefined {
  if (signal.aborted) return signal.reason instanceof VaultError ? signal.reason : new VaultError('CANCELLED')
  // Timers run late on a busy process; the clock does not.
  return Date.now() >= deadline ? new VaultError('DEADLINE_EXCEEDED') : undefined
}

export function checkDeadline(call: StoreCall): void {
  const end = endOf(call)
  if (end) throw end
}

/**
 * Settles as `work` does; rejects with DEADLINE_EXCEEDED or CANCELLED at the call's end. The MongoDB driver cannot cancel
 * a request, so work may still take effect afterwards.
 */
export function withDeadline<T>(work: Promise<T>, call: StoreCall): Promise<T> {
  return raceDeadline(work, call, () => endOf(call) ?? new VaultError('DEADLINE_EXCEEDED'))
}

/** Those whose call goes on; the others are rejected. */
export function rejectExpired<Waiting extends { call: StoreCall; reject(error: unknown): void }>(
  waiting: Waiting[],
): Waiting[] {
  return waiting.filter(({ call, reject }) => {
    const end = endOf(call)
    if (end) reject(end)
    return end === undefined
  })
}
