// A transfer of minutes or hours outlives a back end that restarts. Its calls are harmless twice, by their keys, so each
// is made again for a while; a call for one record leaves that to its caller.
import type { CallSignal } from '../../core/call-signal.js'
import { cancelledBy, pause } from '../../core/client/retry.js'
import { type Reason, VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'

export interface RetryLimits {
  /** How long one try may take. */
  tryMs: number
  /** How long all tries may take together. It stays below the time after which a stream is idle. */
  totalMs: number
  pauseMs: number
  /** After this a write whose caller has gone is done, or never will be: a command may take MongoDB 10 s. */
  settleMs: number
}

export const defaultRetryLimits: RetryLimits = { tryMs: 30_000, totalMs: 45_000, pauseMs: 250, settleMs: 12_000 }

const unsure: Reason[] = ['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'STORE_UNAVAILABLE']
const passing: Reason[] = ['BACKEND_UNAVAILABLE', 'OVERLOADED', ...unsure]

/** Whether the call that failed so may have been done all the same. */
export function isUnknownOutcome(error: unknown): error is VaultError {
  return error instanceof VaultError && unsure.includes(error.reason)
}

/** Tries until it succeeds, fails for good, or patience or the call's time is up; the last fault is what is thrown. */
export async function retryTransient<T>(
  attempt: (call: CallContext) => Promise<T>,
  call: CallContext,
  { tryMs, totalMs, pauseMs }: RetryLimits,
): Promise<T> {
  const end = Math.min(call.deadline, Date.now() + totalMs)
  for (;;) {
    try {
      return await attempt({ ...call, deadline: Math.min(end, Date.now() + tryMs) })
    } catch (thrown) {
      const error = passingFault(thrown, call.signal)
      const waitMs = pauseMs + (error.retryAfterMs ?? 0)
      if (Date.now() + waitMs >= end) throw error
      await pause(waitMs, call.signal)
    }
  }
}

/** The fault, if it may pass by itself; throws any other. */
function passingFault(thrown: unknown, signal: CallSignal): VaultError {
  if (signal.aborted) throw cancelledBy(signal)
  if (thrown instanceof VaultError && passing.includes(thrown.reason)) return thrown
  throw thrown
}
