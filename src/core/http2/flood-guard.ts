// What a peer may do now and then but not all the time: cancel what it has just begun, send frames that say nothing, ask
// for answers it does not read. Limits as nghttp2 has them; but who gets answers too may cancel as many calls, as one
// connection may carry the calls of many.
import { ConnectionError, errorCodes } from './protocol.js'

const maxUnreadAnswers = 1000

export interface FloodLimits {
  burst: number
  perSecond: number
}

export const publicLimits: FloodLimits = { burst: 1_000, perSecond: 33 }
/** Front ends hand on what their callers cancel. */
export const serviceLimits: FloodLimits = { burst: 30_000, perSecond: 1_000 }

export class FloodGuard {
  readonly #sender: { readonly isFull: boolean }
  readonly #limits: FloodLimits
  #allowed: number
  #countedAt = performance.now()
  #unreadAnswers = 0

  constructor(sender: { readonly isFull: boolean }, limits: FloodLimits) {
    this.#limits = limits
    this.#allowed = limits.burst
    this.#sender = sender
  }

  /** Counts a nuisance; throws ConnectionError when there are too many. */
  count(): void {
    const { burst, perSecond } = this.#limits
    const now = performance.now()
    this.#allowed = Math.min(burst, this.#allowed + ((now - this.#countedAt) / 1000) * perSecond)
    this.#countedAt = now
    this.#allowed -= 1
    if (this.#allowed < 0) throw tooMuch('too many cancelled calls or empty frames')
  }

  /** Makes up for one. */
  forgive(): void {
    if (this.#allowed < this.#limits.burst) this.#allowed += 1
  }

  /** Counts a frame that answers one of the peer's; throws ConnectionError when it reads none of them. */
  countAnswer(): void {
    this.#unreadAnswers = this.#sender.isFull ? this.#unreadAnswers + 1 : 0
    if (this.#unreadAnswers > maxUnreadAnswers) throw tooMuch('too many answers that are not read')
  }
}

function tooMuch(message: string): ConnectionError {
  return new ConnectionError(errorCodes.enhanceYourCalm, message)
}
