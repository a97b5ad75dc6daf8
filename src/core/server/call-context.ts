// One call in a server: its id, its deadline, its cancellation. A caller without a deadline gets the default.
import { CallEnd } from '../call-signal.js'
import { maxTimerMs } from '../deadline.js'
import { type Reason, VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { requestIdOf } from '../request-id.js'
import type { IncomingCall } from './incoming-call.js'

/** A call being answered; `close` is for when it has been. */
export interface OpenCall {
  readonly context: CallContext
  close(): void
}

export interface CallTimes {
  /** What a caller without a deadline has. */
  defaultMs: number
  /** What a caller has to send all, whatever its deadline. */
  receiveMs?: number
}

// A caller whose own clock runs out cancels, and its cancellation arrives a moment before the deadline as we count it.
const slackMs = 20

type OpenableCall = Pick<IncomingCall, 'requestId' | 'deadline' | 'onCancel' | 'isReceived'>

/** Opens the call; `ended` is told DEADLINE_EXCEEDED or CANCELLED when nobody waits for its answer any more. */
export function openCall(call: OpenableCall, times: CallTimes, ended: (error: VaultError) => void): OpenCall {
  const { defaultMs, receiveMs = maxTimerMs } = times
  const signal = new CallEnd()
  const deadline = call.deadline ?? Date.now() + defaultMs
  const end = (reason: Reason, message?: string) => {
    const error = new VaultError(reason, message === undefined ? {} : { message })
    try {
      signal.abort(error)
    } finally {
      ended(error)
    }
  }
  const leftMs = Math.max(0, Math.min(deadline - Date.now(), maxTimerMs))
  const late = () => end('DEADLINE_EXCEEDED')
  const lateUnlessReceived = () => {
    if (call.isReceived) timer = setTimeout(late, leftMs - receiveMs)
    else end('DEADLINE_EXCEEDED', 'the request was not sent in time')
  }
  let timer = receiveMs < leftMs ? setTimeout(lateUnlessReceived, receiveMs) : setTimeout(late, leftMs)
  call.onCancel = () => end(Date.now() + slackMs < deadline ? 'CANCELLED' : 'DEADLINE_EXCEEDED')
  return {
    context: { requestId: requestIdOf(call.requestId), deadline, signal },
    close() {
      clearTimeout(timer)
      call.onCancel = () => undefined
    },
  }
}

/** The same for whoever waits for several things: `ended` rejects, once. */
export function openRaced(call: OpenableCall, times: CallTimes): OpenCall & { readonly ended: Promise<never> } {
  let abandon: (error: VaultError) => void = () => undefined
  const ended = new Promise<never>((_, reject) => {
    abandon = reject
  })
  ended.catch(() => undefined) // nobody may be waiting for it, which is no fault
  return { ...openCall(call, times, abandon), ended }
}
