// How a call's end is learnt of: what is needed for it of an AbortSignal, which anybody may hand in. A server makes one for
// every call it answers, and Node takes some 5 µs for an AbortController and a listener, a twenty-fifth of a record's way.

export interface CallSignal {
  readonly aborted: boolean
  /** Why; undefined while the call goes on. */
  readonly reason: unknown
  /** The listener is called at most once: not when the call has ended already. */
  addEventListener(type: 'abort', listener: () => void, options?: { once: true }): void
  removeEventListener(type: 'abort', listener: () => void): void
  throwIfAborted(): void
}

/** The signal of a call in the hands of whoever ends it. */
export class CallEnd implements CallSignal {
  aborted = false
  reason: unknown
  readonly #listeners: (() => void)[] = []

  /** Tells those who listen; the first time only. None of them may throw. */
  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) next()
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted) this.#listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener)
    if (at >= 0) this.#listeners.splice(at, 1)
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason
  }
}
