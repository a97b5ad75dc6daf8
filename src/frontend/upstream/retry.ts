// Retries the calls of a transfer after transient errors, so that a transfer of minutes or hours outlives a restart of the
// back end. The keys in these calls make them harmless if they are made twice. A call for one record is not retried here:
// its caller does that.

import { cancelledBy, pause } from '../../core/client/retry.js'
import { retry } from '../../core/concurrency/backoff.js'
import type { CallSignal } from '../../core/concurrency/call-signal.js'
import { type Reason, VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'

/** The limits of `retryTransient`, in milliseconds. */
export interface RetryLimits {
  /** The time of one attempt. */
  tryMs: number
  /** The time of all attempts together. It stays below the time after which a stream is idle. */
  totalMs: number
  /** The pause between two attempts. */
  pauseMs: number
  /**
   * After this time, a write whose caller has gone has either taken effect or never will: MongoDB may run a command for
   * 10 s.
   */
  settleMs: number
}

/** The limits of a front end in production. */
export const defaultRetryLimits: RetryLimits = { tryMs: 30_000, totalMs: 45_000, pauseMs: 250, settleMs: 12_000 }

const unknownOutcomeReasons: Reason[] = ['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED', 'STORE_UNAVAILABLE']
const transientReasons: Reason[] = ['BACKEND_UNAVAILABLE', 'OVERLOADED', ...unknownOutcomeReasons]

/** True if the call that failed with this error may have taken effect. */
export function isUnknownOutcome(error: unknown): error is VaultError {
  return error instanceof VaultError && unknownOutcomeReasons.includes(error.reason)
}

/** Calls `attempt` until it resolves, fails with a permanent error, or time is up; then rejects with the last error. */
export function retryTransient<T>(
  attempt: (call: CallContext) => Promise<T>,
  call: CallContext,
  { tryMs, totalMs, pauseMs }: RetryLimits,
): Promise<T> {
  const end = Math.min(call.deadline, Date.now() + totalMs)
  return retry(() => attempt({ ...call, deadline: Math.min(end, Date.now() + tryMs) }), {
    waitMs(thrown) {
      const error = transientError(thrown, call.signal)
      const waitMs = pauseMs + (error.retryAfterMs ?? 0)
      if (Date.now() + waitMs >= end) throw error
      return waitMs
    },
    pause: (ms) => pause(ms, call.signal),
  })
}

/** The error if it is transient; throws any other, and CANCELLED once the caller has gone. */
function transientError(thrown: unknown, signal: CallSignal): VaultError {
  if (signal.aborted) throw cancelledBy(signal)
  if (thrown instanceof VaultError && transientReasons.includes(thrown.reason)) return thrown
  throw thrown
}
