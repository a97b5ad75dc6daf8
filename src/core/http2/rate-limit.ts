// A rate limit (token bucket) for a peer's actions that cost us work and the peer nothing: cancelled calls, empty frames,
// frames that demand an answer. The limits are those of nghttp2. A call that succeeds earns a token back, as one
// connection may carry the calls of many users.
import type { Callers } from '../transport.js'
import { ConnectionError, errorCodes } from './protocol.js'

const maxUnreadReplies = 1000

/** A token bucket: its size, and how fast it fills. */
export interface RateLimits {
  burst: number
  perSecond: number
}

/** The limits of each trust level. */
export const rateLimits: Record<Callers, RateLimits> = {
  public: { burst: 1_000, perSecond: 33 },
  services: { burst: 30_000, perSecond: 1_000 },
}

/** The rate limit of one peer: counts its costly actions. */
export class RateLimit {
  readonly #sender: { readonly isFull: boolean }
  readonly #limits: RateLimits
  #tokens: number
  #refilledAt = performance.now()
  #unreadReplies = 0

  constructor(sender: { readonly isFull: boolean }, limits: RateLimits) {
    this.#limits = limits
    this.#tokens = limits.burst
    this.#sender = sender
  }

  /** Takes a token for a costly action; throws ConnectionError when none is left. */
  debit(): void {
    const { burst, perSecond } = this.#limits
    const now = performance.now()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#refilledAt) / 1000) * perSecond)
    this.#refilledAt = now
    this.#tokens -= 1
    if (this.#tokens < 0) throw flood('too many cancelled calls or empty frames')
  }

  /** Returns a token for a call that succeeded. */
  credit(): void {
    if (this.#tokens < this.#limits.burst) this.#tokens += 1
  }

  /** Counts a frame sent in reply to the peer's; throws ConnectionError when the peer leaves too many unread. */
  countReply(): void {
    this.#unreadReplies = this.#sender.isFull ? this.#unreadReplies + 1 : 0
    if (this.#unreadReplies > maxUnreadReplies) throw flood('too many replies that are not read')
  }
}

function flood(message: string): ConnectionError {
  return new ConnectionError(errorCodes.enhanceYourCalm, message)
}
