// Ends a stream on which the server makes no progress. Only the time spent waiting for the server counts: the local disk may
// be slow, and a person at a keyboard slower.
import { VaultError } from '../../core/errors.js'

/** When a stream counts as stalled. */
export interface StallLimit {
  /** How long the server may make no progress, in milliseconds. */
  stallMs: number
  /** Ends the stream as well. */
  signal: AbortSignal
}

const firstCheckMs = 200

interface StallWatch {
  /** Aborts with DEADLINE_EXCEEDED, or with the reason of the limit's signal. */
  readonly signal: AbortSignal
  stop(): void
}

/** A stall watch whose waits the caller marks. */
export interface StallTimeout extends StallWatch {
  /** Starts to wait for the server. */
  wait(): void
  /** Ends the wait: the server has made progress. */
  rest(): void
}

/**
 * Watches a stream. `waitingSince` returns when the wait for the server began, by `performance.now()`, or undefined while
 * nothing is awaited. `stallError` may replace the error.
 */
export function watchStall(
  waitingSince: () => number | undefined,
  { stallMs, signal }: StallLimit,
  stallError: () => VaultError | undefined = () => undefined,
): StallWatch {
  const stalled = new AbortController()
  // Progress only moves `waitingSince`: a timer that is set again for each message would cost more than the message.
  // The first check comes early: a retried stream continues a wait that began before it.
  let timer = setTimeout(check, Math.min(stallMs, firstCheckMs))
  function check(): void {
    if (signal.aborted) return
    const leftMs = (waitingSince() ?? performance.now()) + stallMs - performance.now()
    if (leftMs > 0) {
      timer = setTimeout(check, Math.ceil(leftMs))
      return
    }
    const message = `the server made no progress for ${stallMs / 1000} s`
    stalled.abort(stallError() ?? new VaultError('DEADLINE_EXCEEDED', { message }))
  }
  return { signal: AbortSignal.any([signal, stalled.signal]), stop: () => clearTimeout(timer) }
}

/** Starts a stall watch, at rest. */
export function stallTimeout(limit: StallLimit): StallTimeout {
  let since: number | undefined
  const watch = watchStall(() => since, limit)
  return {
    ...watch,
    wait() {
      since = performance.now()
    },
    rest() {
      since = undefined
    },
  }
}
