// Which failed calls are made again. Only what never reached a server, or is harmless twice, and only within the
// caller's deadline; a write whose fate is unknown says so.
import { setTimeout as sleep } from 'node:timers/promises'
import { linkedSignal } from '../abort.js'
import type { CallSignal } from '../call-signal.js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { asVaultError } from '../status.js'

/** What a method's client knows of it. */
export interface RetryPolicy {
  /** Making the call twice is the same as once. */
  safe: boolean
  /** It changes something: after a broken connection its fate is unknown. */
  write: boolean
  /** Before this call it was tried already, and that may have been done. */
  doubted?: boolean
  /** The request as it is repeated when a try of so long ago may have been done; unset: as it was. */
  repeated?: (triedMsAgo: number) => unknown
  /** What the answer to a repeated call says when a try before it may have been done; unset: what it says. */
  ofRepeated?: (answer: Promise<unknown>) => Promise<unknown>
}

const maxAttempts = 5
const firstDelayMs = 50
const maxDelayMs = 1_000

// grpc-js has only words for this; test/core/client/retry.test.ts holds them against the real thing. REFUSED_STREAM promises
// that the server processed nothing (RFC 9113 section 8.7): each connection that reaches its age refuses some requests, and
// from Node 24 on the write may fail with that code first.
const neverSentTexts =
  /^(round_robin: )?No connection established|^Name resolution failed|^Stream refused by server|^Write error: .* NGHTTP2_REFUSED_STREAM$/

// The same of a call whose time was over before it had a connection, and of one that had not been handed to gRPC.
const neverLeft = 'Deadline exceeded before it was sent'
const neverLeftTexts =
  /^Deadline exceeded (before it was sent|.*(waiting for (name resolution|metadata filters)|Waiting for LB pick))$/

/** True when no server can have worked on the request. */
export function neverSent(error: VaultError): boolean {
  const { details = '' } = (error.cause ?? {}) as { details?: string }
  if (error.reason === 'DEADLINE_EXCEEDED') return neverLeftTexts.test(details)
  return error.reason === 'UNREACHABLE' && neverSentTexts.test(details)
}

/** What a call is whose time is over while it waits to be sent. */
export function lateUnsent(): VaultError {
  return new VaultError('DEADLINE_EXCEEDED', { cause: { details: neverLeft } })
}

/** What a call is when its own caller has ended it. */
export function cancelledBy({ reason }: CallSignal): VaultError {
  return reason instanceof VaultError ? reason : new VaultError('CANCELLED', { cause: reason })
}

function delayMs(attempt: number, error: VaultError): number {
  const backoff = Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1))
  return (error.retryAfterMs ?? 0) + backoff * (0.5 + Math.random() / 2)
}

function mayRetry(error: VaultError, { safe }: RetryPolicy): boolean {
  return error.reason === 'OVERLOADED' || neverSent(error) || (safe && error.reason === 'UNREACHABLE')
}

/**
 * Makes the call until it succeeds, fails for good or its time is up. An attempt is told how long ago this was begun if a
 * try before it may have been done, else 0.
 */
export async function withRetry<T>(
  attempt: (triedMsAgo: number) => Promise<T>,
  policy: RetryPolicy,
  call: CallContext,
): Promise<T> {
  const begun = performance.now()
  let perhapsDone = policy.doubted === true
  for (let made = 1; ; made += 1) {
    try {
      return await attempt(perhapsDone ? msSince(begun) : 0)
    } catch (thrown) {
      const error = asVaultError(thrown)
      perhapsDone ||= policy.write && error.reason === 'UNREACHABLE' && !neverSent(error)
      const waitMs = delayMs(made, error)
      const inTime = made < maxAttempts && Date.now() + waitMs < call.deadline
      if (!inTime || !mayRetry(error, policy)) throw perhapsDone ? unknownOutcome(error, call) : error
      await pause(waitMs, call.signal)
    }
  }
}

/** Whole milliseconds since that reading of `performance.now()`, at least one. */
export function msSince(begun: number): number {
  return Math.floor(performance.now() - begun) + 1
}

/** Waits as long as one waits before a further try; rejects with the error when there is no time left for one. */
export async function pauseBefore(tries: number, error: VaultError, call: CallContext): Promise<void> {
  const waitMs = delayMs(tries, error)
  if (Date.now() + waitMs >= call.deadline) throw error
  await pause(waitMs, call.signal)
}

/** Waits; rejects when the call ends before. */
export async function pause(ms: number, call: CallSignal): Promise<void> {
  const { signal, leave } = linkedSignal(call)
  await sleep(ms, undefined, { signal })
    .catch(() => Promise.reject(cancelledBy(call)))
    .finally(leave)
}

/** Whether the failure of a repeated call says nothing of the one before: the server was too busy, or not asked. */
export function leavesDoubt(error: VaultError): boolean {
  return error.kind === 'unavailable' || error.kind === 'exhausted' || neverSent(error)
}

function unknownOutcome(error: VaultError, { requestId }: CallContext): VaultError {
  return leavesDoubt(error) ? new VaultError('OUTCOME_UNKNOWN', { cause: error.cause, requestId }) : error
}
