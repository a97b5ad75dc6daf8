// Exponential backoff: the pauses between the attempts of a retry loop.
import { setTimeout as sleep } from 'node:timers/promises'

export interface Backoff {
  /** The first pause, in milliseconds. */
  firstMs: number
  /** The longest pause, in milliseconds; each pause is twice the one before until then. */
  maxMs: number
}

/** The pauses in milliseconds, without end: `firstMs`, then twice as long each time, at most `maxMs`. */
export function* backoffPauses({ firstMs, maxMs }: Backoff): Generator<number, never> {
  for (let pauseMs = firstMs; ; pauseMs = Math.min(2 * pauseMs, maxMs)) yield pauseMs
}

/**
 * Pauses, then calls `attempt`, until it returns true or `signal` aborts. An abort ends the pause and resolves.
 * `attempt` must handle its own errors.
 */
export async function retryUntilDone(
  attempt: () => Promise<boolean>,
  { backoff, signal }: { backoff: Backoff; signal: AbortSignal },
): Promise<void> {
  for (const pauseMs of backoffPauses(backoff)) {
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted || (await attempt())) return
  }
}
