// The context of a call in a server: request id, deadline and cancellation. A call whose caller sets no deadline gets the
// default one.
import { AbortableSignal } from '../concurrency/call-signal.js'
import { maxTimerMs } from '../concurrency/deadline.js'
import { type Reason, VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { requestIdOf } from '../request-id.js'
import type { IncomingCall } from './incoming-call.js'

/** A call in progress. `close` stops its timer, and must follow the response. */
export interface OpenCall {
  readonly context: CallContext
  close(): void
}

/** Time limits of a call, in milliseconds. */
export interface CallTimeouts {
  /** The deadline of a caller that sets none. */
  defaultMs: number
  /** Limits the time in which the caller must send the whole request, whatever its deadline. */
  receiveMs?: number
}

// A caller whose own clock reaches the deadline cancels, and its cancellation may arrive just before our deadline.
const slackMs = 20

type OpenableCall = Pick<IncomingCall, 'requestId' | 'deadline' | 'onCancel' | 'isReceived' | 'connection' | 'whenSent'>

/** Opens a call; `onEnd` gets DEADLINE_EXCEEDED or CANCELLED if the caller stops waiting before `close`. */
export function openCall(call: OpenableCall, timeouts: CallTimeouts, onEnd: (error: VaultError) => void): OpenCall {
  const { defaultMs, receiveMs = maxTimerMs } = timeouts
  const signal = new AbortableSignal()
  const deadline = call.deadline ?? Date.now() + defaultMs
  const end = (reason: Reason, message?: string) => {
    const error = new VaultError(reason, message === undefined ? {} : { message })
    try {
      signal.abort(error)
    } finally {
      onEnd(error)
    }
  }
  const leftMs = Math.max(0, Math.min(deadline - Date.now(), maxTimerMs))
  const expire = () => end('DEADLINE_EXCEEDED')
  const expireUnlessReceived = () => {
    if (call.isReceived) timer = setTimeout(expire, leftMs - receiveMs)
    else end('DEADLINE_EXCEEDED', 'the request was not sent in time')
  }
  let timer = receiveMs < leftMs ? setTimeout(expireUnlessReceived, receiveMs) : setTimeout(expire, leftMs)
  call.onCancel = () => end(Date.now() + slackMs < deadline ? 'CANCELLED' : 'DEADLINE_EXCEEDED')
  return {
    context: {
      requestId: requestIdOf(call.requestId),
      deadline,
      signal,
      connection: call.connection,
      whenSent: (callback) => call.whenSent(callback),
    },
    close() {
      clearTimeout(timer)
      call.onCancel = () => undefined
    },
  }
}

/** A call for use in a race of promises. */
export interface RacedCall extends OpenCall {
  /** Rejects when the caller stops waiting, or with the error given to `abandon`. */
  readonly ended: Promise<never>
  abandon(error: VaultError): void
}

/** Opens a call whose end is a promise. */
export function openRacedCall(call: OpenableCall, timeouts: CallTimeouts): RacedCall {
  let abandon: (error: VaultError) => void = () => undefined
  const ended = new Promise<never>((_, reject) => {
    abandon = reject
  })
  ended.catch(() => undefined) // a race may have been decided before, and the rejection then has no other handler
  return { ...openCall(call, timeouts, abandon), ended, abandon }
}
