// Which failed calls are made again. Only what never reached a server, or is harmless twice, and only within the
// caller's deadline; a write whose fate is unknown says so.
import { setTimeout as sleep } from 'node:timers/promises'
import { VaultError } from './errors.js'
import type { CallContext } from './methods.js'

/** What a method's client knows of it. */
export interface RetryPolicy {
  /** Making the call twice is the same as once. */
  safe: boolean
  /** It changes something: after a broken connection its fate is unknown. */
  write: boolean
}

const maxAttempts = 5
const firstDelayMs = 50
const maxDelayMs = 1_000

// grpc-js says so in words only; test/core/retry.test.ts holds them against the real thing.
const neverSentTexts = ['No connection established', 'Name resolution failed']

/** True when the request cannot have reached a server. */
export function neverSent(error: VaultError): boolean {
  const { details = '' } = (error.cause ?? {}) as { details?: string }
  return error.reason === 'UNREACHABLE' && neverSentTexts.some((text) => details.startsWith(text))
}

function delayMs(attempt: number, error: VaultError): number {
  const backoff = Math.min(maxDelayMs, firstDelayMs * 2 ** attempt)
  return (error.retryAfterMs ?? 0) + backoff * (0.5 + Math.random() / 2)
}

function mayRetry(error: VaultError, { safe }: RetryPolicy): boolean {
  return error.reason === 'OVERLOADED' || neverSent(error) || (safe && error.reason === 'UNREACHABLE')
}

/** Makes the call until it succeeds, fails for good or its time is up. */
export async function withRetry<T>(attempt: () => Promise<T>, policy: RetryPolicy, call: CallContext): Promise<T> {
  let perhapsSent = false
  for (let made = 0; ; made += 1) {
    try {
      return await attempt()
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw thrown
      perhapsSent ||= thrown.reason === 'UNREACHABLE' && !neverSent(thrown)
      const wait = delayMs(made, thrown)
      const again = mayRetry(thrown, policy) && made + 1 < maxAttempts && Date.now() + wait < call.deadline
      if (!again) throw outcome(thrown, policy.write && perhapsSent)
      await sleep(wait, undefined, { signal: call.signal }).catch(() => Promise.reject(call.signal.reason))
    }
  }
}

function outcome(error: VaultError, unknown: boolean): VaultError {
  return unknown && error.kind === 'unavailable' ? new VaultError('OUTCOME_UNKNOWN', { cause: error.cause }) : error
}
