// Retry with exponential backoff: the one loop behind every repeated attempt.
import { setTimeout as sleep } from 'node:timers/promises'

/** Pauses that double from the first to the longest. */
export interface Backoff {
  /** The first pause, in milliseconds. */
  firstMs: number
  /** The longest pause, in milliseconds. */
  maxMs: number
}

/** The pause before try `tries + 1`, in milliseconds, `tries` being at least 1. */
export function backoffMs(tries: number, { firstMs, maxMs }: Backoff): number {
  return Math.min(maxMs, firstMs * 2 ** (tries - 1))
}

/** A random time between half of `ms` and `ms`, so that callers that failed together do not retry together. */
export function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2)
}

/** When to retry. */
export interface RetryRules {
  /** The milliseconds to wait after failure number `tries`; throws, usually that error, to give up. */
  waitMs(error: unknown, tries: number): number
  /** Waits; rejects to give up. The default is a timer. */
  pause?: (ms: number) => Promise<void>
}

/** Calls `attempt` until it resolves or `waitMs` gives up. */
export async function retry<T>(
  attempt: (tries: number) => Promise<T>,
  { waitMs, pause = (ms) => sleep(ms) }: RetryRules,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    let pauseMs: number
    try {
      return await attempt(tries)
    } catch (error) {
      pauseMs = waitMs(error, tries)
    }
    await pause(pauseMs)
  }
}

/**
 * Pauses, then calls `attempt`, until it returns true or `signal` aborts. An abort ends the pause and resolves.
 * `attempt` must handle its own errors.
 */
export async function retryUntilDone(
  attempt: () => Promise<boolean>,
  { backoff, signal }: { backoff: Backoff; signal: AbortSignal },
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await sleep(backoffMs(tries, backoff), undefined, { signal }).catch(() => undefined)
    if (signal.aborted || (await attempt())) return
  }
}
