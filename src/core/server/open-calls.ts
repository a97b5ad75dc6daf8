// The open calls of a server, library services included, bounded from their HEADERS on. A call that has sent no message yet is
// silent: it has no handler, no timer and no line in the log. When there are too many calls, the one that has been silent for
// longest makes room, so that calls which begin and send nothing keep nobody out.
import { VaultError } from '../errors.js'
import { toGrpcStatus } from '../status.js'
import type { HeaderFields } from '../transport.js'
import { responseHeaders, statusTrailers } from './grpc-fields.js'
import type { IncomingCall } from './incoming-call.js'

/** Limits of the open calls, and the log of those that are ended. */
export interface OpenCallLimits {
  max: number
  /** How long a call may be silent, in milliseconds. */
  maxSilentMs: number
  /** Called for each silent call that is ended. */
  ended(problem: string): void
}

/** The part of a call that is counted. */
type CountedCall = Pick<IncomingCall, 'whenBegun' | 'whenSent' | 'dismiss'>

/** Silent calls that are ended in one turn of the event loop. */
const endsPerTurn = 256

/** The answer to a call that is ended; the same for all, so without its request id. */
const answerOf = (error: VaultError): HeaderFields => [...responseHeaders, ...statusTrailers(toGrpcStatus(error, ''))]
const overloaded = new VaultError('OVERLOADED', { retryAfterMs: 100 })
const overloadedAnswer = answerOf(overloaded)
const lateAnswer = answerOf(new VaultError('DEADLINE_EXCEEDED', { message: 'the request was not sent in time' }))

/** Counts the open calls, and starts each once it has sent its first message. */
export class OpenCalls {
  readonly #limits: OpenCallLimits
  /** When each silent call began, the oldest first. */
  readonly #silent = new Map<CountedCall, number>()
  #count = 0
  #timer: NodeJS.Timeout | undefined

  constructor(limits: OpenCallLimits) {
    this.#limits = limits
  }

  /** Counts a call until its end, and calls `start` once its first message is there. Throws OVERLOADED. */
  open(call: CountedCall, start: () => void): void {
    if (this.#count >= this.#limits.max && !this.#makeRoom()) throw overloaded
    this.#count += 1
    this.#silent.set(call, performance.now())
    this.#timer ??= setTimeout(() => this.#endLate(), this.#limits.maxSilentMs).unref()
    call.whenSent(() => {
      this.#count -= 1
      this.#silent.delete(call)
    })
    call.whenBegun(() => {
      this.#silent.delete(call)
      start()
    })
  }

  /** Ends the oldest silent call; false if there is none. */
  #makeRoom(): boolean {
    for (const [call] of this.#silent) {
      this.#end(call, overloadedAnswer, 'too many calls are open; one that has sent nothing was ended')
      return true
    }
    return false
  }

  #endLate(): void {
    this.#timer = undefined
    let ended = 0
    for (const [call, since] of this.#silent) {
      const leftMs = since + this.#limits.maxSilentMs - performance.now()
      if (leftMs > 0 || ended === endsPerTurn) {
        this.#timer = setTimeout(() => this.#endLate(), Math.max(leftMs, 1)).unref()
        return
      }
      this.#end(call, lateAnswer, 'a call has sent no request in time; it was ended')
      ended += 1
    }
  }

  #end(call: CountedCall, answer: HeaderFields, problem: string): void {
    this.#silent.delete(call)
    call.dismiss(answer)
    this.#limits.ended(problem)
  }
}
