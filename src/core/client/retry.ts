// Retry policy of the clients. A failed call is retried only if it never reached a server or is idempotent, and only within
// the caller's deadline. A write whose outcome stays unknown fails with OUTCOME_UNKNOWN.
import { setTimeout as sleep } from 'node:timers/promises'
import { linkedSignal } from '../concurrency/abort.js'
import { backoffMs, jittered, retry } from '../concurrency/backoff.js'
import type { CallSignal } from '../concurrency/call-signal.js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { asVaultError } from '../status.js'

/** What a client knows about a method. A prior attempt is one that may have committed although its call failed. */
export interface RetryPolicy {
  /** True if making the call twice has the same effect as making it once. */
  idempotent: boolean
  /** True if the call changes data, so that its outcome is unknown when the connection breaks. */
  write: boolean
  /** True if the caller has made a prior attempt before this call. */
  hasPriorAttempt?: boolean
  /** Makes the request of a retry after a prior attempt. The default repeats the same request. */
  requestAfterPriorAttempt?: (priorAttemptMsAgo: number) => unknown
  /** Interprets the response to a retry after a prior attempt. The default returns it unchanged. */
  responseAfterPriorAttempt?: (response: Promise<unknown>) => Promise<unknown>
}

/** The largest age of a first attempt that `tried_ms_ago` holds: 49 days, in milliseconds. */
export const maxTriedMsAgo = 2 ** 32 - 1

/** A write that says how long ago its first attempt began (ADR 14); 0 if it is the first. */
interface AgedWrite {
  triedMsAgo: number
}

const maxAttempts = 5
const backoff = { firstMs: 50, maxMs: 1_000 }

// grpc-js reports these only as text; test/core/client/retry.test.ts compares them with grpc-js itself. REFUSED_STREAM promises
// that the server processed nothing (RFC 9113 section 8.7): each connection that reaches its age refuses some requests, and
// from Node 24 on the write may fail with that code first.
const neverSentTexts =
  /^(round_robin: )?No connection established|^Name resolution failed|^Stream refused by server|^Write error: .* NGHTTP2_REFUSED_STREAM$/

// The messages for a deadline that passed before there was a connection, and before the call was handed to gRPC.
const unsentDeadlineText = 'Deadline exceeded before it was sent'
const unsentDeadlineTexts =
  /^Deadline exceeded (before it was sent|.*(waiting for (name resolution|metadata filters)|Waiting for LB pick))$/

/** True if no server can have worked on the request. */
export function neverSent(error: VaultError): boolean {
  const { details = '' } = (error.cause ?? {}) as { details?: string }
  if (error.reason === 'DEADLINE_EXCEEDED') return unsentDeadlineTexts.test(details)
  return error.reason === 'UNREACHABLE' && neverSentTexts.test(details)
}

/** The error of a call whose deadline passes before it is sent. */
export function lateUnsent(): VaultError {
  return new VaultError('DEADLINE_EXCEEDED', { cause: { details: unsentDeadlineText } })
}

/** The error of a call that its own caller has aborted. */
export function cancelledBy({ reason }: CallSignal): VaultError {
  return reason instanceof VaultError ? reason : new VaultError('CANCELLED', { cause: reason })
}

function waitMsAfter(tries: number, error: VaultError): number {
  return (error.retryAfterMs ?? 0) + jittered(backoffMs(tries, backoff))
}

function isRetryable(error: VaultError, { idempotent }: RetryPolicy): boolean {
  return error.reason === 'OVERLOADED' || neverSent(error) || (idempotent && error.reason === 'UNREACHABLE')
}

/**
 * Calls `attempt` until it succeeds, fails with an error that is not retryable, or the deadline leaves no time. After a prior
 * attempt, its argument is the time since this function was called; otherwise it is 0.
 */
export function withRetry<T>(
  attempt: (priorAttemptMsAgo: number) => Promise<T>,
  policy: RetryPolicy,
  call: CallContext,
): Promise<T> {
  const startedAt = performance.now()
  let hasPriorAttempt = policy.hasPriorAttempt === true
  return retry(() => attempt(hasPriorAttempt ? msSince(startedAt) : 0), {
    waitMs(thrown, tries) {
      const error = asVaultError(thrown)
      hasPriorAttempt ||= policy.write && error.reason === 'UNREACHABLE' && !neverSent(error)
      const waitMs = waitMsAfter(tries, error)
      const hasTime = tries < maxAttempts && Date.now() + waitMs < call.deadline
      if (hasTime && isRetryable(error, policy)) return waitMs
      throw hasPriorAttempt ? withUnknownOutcome(error, call) : error
    },
    pause: (ms) => pause(ms, call.signal),
  })
}

/** The same write when its first attempt, by the caller or by this client, began `elapsedMs` longer ago. */
export function agedBy<Write extends AgedWrite>(write: Write, elapsedMs: number): Write {
  return { ...write, triedMsAgo: Math.min(write.triedMsAgo + elapsedMs, maxTriedMsAgo) }
}

/** The policy of a write that its server knows again: a repeat is the same write, and says how old the first attempt is. */
export function repeatableWrite(write: AgedWrite): RetryPolicy {
  return {
    idempotent: true,
    write: true,
    hasPriorAttempt: write.triedMsAgo > 0,
    requestAfterPriorAttempt: (msAgo) => agedBy(write, msAgo),
  }
}

/** Whole milliseconds since that reading of `performance.now()`, at least one. */
export function msSince(startedAt: number): number {
  return Math.floor(performance.now() - startedAt) + 1
}

/** Waits for the backoff after failure number `tries`; rejects with the error when the deadline leaves no time for a retry. */
export async function pauseBeforeRetry(tries: number, error: VaultError, call: CallContext): Promise<void> {
  const waitMs = waitMsAfter(tries, error)
  if (Date.now() + waitMs >= call.deadline) throw error
  await pause(waitMs, call.signal)
}

/** Waits; rejects when the call is aborted. */
export async function pause(ms: number, call: CallSignal): Promise<void> {
  const { signal, leave } = linkedSignal(call)
  await sleep(ms, undefined, { signal })
    .catch(() => Promise.reject(cancelledBy(call)))
    .finally(leave)
}

/** True if a retry failed before the server looked at it, so the prior attempt's outcome is still unknown. */
export function leavesPriorAttemptUnknown(error: VaultError): boolean {
  return error.kind === 'unavailable' || error.kind === 'exhausted' || neverSent(error)
}

function withUnknownOutcome(error: VaultError, { requestId }: CallContext): VaultError {
  if (!leavesPriorAttemptUnknown(error)) return error
  return new VaultError('OUTCOME_UNKNOWN', { cause: error.cause, requestId })
}
