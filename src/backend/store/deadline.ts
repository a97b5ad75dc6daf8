// The deadline and the cancellation of a call, as a store obeys them. An engine begins no work for a call that has
// ended.
import { raceDeadline } from '../../core/concurrency/deadline.js'
import { VaultError } from '../../core/errors.js'
import type { StoreCall } from './store.js'

/** A call without an end, for work that no caller waits for: to open a store or to clean it up. */
export const noDeadline: StoreCall = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal }

/** The error that ends the call, DEADLINE_EXCEEDED or CANCELLED; undefined while the call goes on. */
export function endReason({ deadline, signal }: StoreCall): VaultError | undefined {
  if (signal.aborted) return signal.reason instanceof VaultError ? signal.reason : new VaultError('CANCELLED')
  // Compares the clock: timers run late in a busy process.
  return Date.now() >= deadline ? new VaultError('DEADLINE_EXCEEDED') : undefined
}

/** Throws DEADLINE_EXCEEDED or CANCELLED if the call has ended. */
export function checkDeadline(call: StoreCall): void {
  const reason = endReason(call)
  if (reason) throw reason
}

/**
 * Settles as `work` does; rejects with DEADLINE_EXCEEDED or CANCELLED at the call's end. The MongoDB driver cannot
 * cancel a request, so work may still take effect afterwards.
 */
export function withDeadline<T>(work: Promise<T>, call: StoreCall): Promise<T> {
  return raceDeadline(work, call, () => endReason(call) ?? new VaultError('DEADLINE_EXCEEDED'))
}

/** Rejects the queued items whose call has ended, and returns the others. */
export function rejectExpired<Queued extends { call: StoreCall; reject(error: unknown): void }>(
  queued: Queued[],
): Queued[] {
  return queued.filter(({ call, reject }) => {
    const reason = endReason(call)
    if (reason) reject(reason)
    return reason === undefined
  })
}
