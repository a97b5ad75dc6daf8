// A memory budget for the response bytes of all calls of a server that their callers have not taken yet. The calls that have
// waited longest for their callers are reset when the budget is spent, or when the server has no place for another call. So
// callers that read nothing, or byte by byte, cannot keep others out.

const defaultMaxBytes = 384 * 1024 * 1024
/** Fewer bytes are no progress. */
const minProgressBytes = 4 * 1024
/** A call without progress for this time gives its place to another. */
const stalledMs = 500

/** A call with unsent bytes. */
export interface UnsentCall {
  /** Resets the call, which drops its unsent bytes. */
  abort(): void
}

/** The last progress of a call. */
interface Progress {
  /** By `performance.now()`. */
  at: number
  unsentBytes: number
}

/** Counts unsent bytes against a limit. */
export class UnsentBudget {
  readonly #maxBytes: number
  readonly #onReset: () => void
  #bytes = 0
  /** The calls with unsent bytes, in the order of their last progress. */
  readonly #calls = new Map<UnsentCall, Progress>()

  /** `onReset` is called for each call that is reset. */
  constructor(onReset: () => void = () => undefined, maxBytes = defaultMaxBytes) {
    this.#onReset = onReset
    this.#maxBytes = maxBytes
  }

  /** Counts a change of the unsent bytes of a call. */
  change(call: UnsentCall, before: number, after: number): void {
    this.#bytes += after - before
    const progress = this.#calls.get(call)
    if (after === 0) this.#calls.delete(call)
    else if (progress === undefined || progress.unsentBytes - after >= minProgressBytes) this.#append(call, after)
    else progress.unsentBytes = Math.max(progress.unsentBytes, after)
    while (this.#bytes > this.#maxBytes && this.#resetFirst());
  }

  /** Resets the call that has waited longest; returns false if all calls made progress recently. */
  resetStalled(now = performance.now()): boolean {
    const [first] = this.#calls.values()
    return first !== undefined && now - first.at >= stalledMs && this.#resetFirst()
  }

  #append(call: UnsentCall, unsentBytes: number): void {
    this.#calls.delete(call)
    this.#calls.set(call, { at: performance.now(), unsentBytes })
  }

  #resetFirst(): boolean {
    const [first] = this.#calls.keys()
    if (first === undefined) return false
    this.#onReset()
    first.abort()
    return true
  }
}
