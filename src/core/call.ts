// One call in a server: its id, its deadline, its cancellation. A caller without a deadline gets the default.
import type { EventEmitter } from 'node:events'
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js'
import { type Reason, VaultError } from './errors.js'
import type { CallContext } from './methods.js'
import { requestIdOf } from './request-id.js'

/** A call being answered; `ended` rejects when nobody waits any more, and `close` is for when it has been answered. */
export interface OpenCall {
  readonly context: CallContext
  readonly ended: Promise<never>
  close(): void
}

/** A call of any kind. */
interface IncomingCall extends EventEmitter {
  metadata: Metadata
  getDeadline: ServerUnaryCall<unknown, unknown>['getDeadline']
}

// A caller whose own clock runs out cancels, and its cancellation arrives a moment before the deadline as we count it.
const slackMs = 20
const longestTimerMs = 2 ** 31 - 1

function deadlineOf(call: IncomingCall, defaultMs: number): number {
  const latest = Date.now() + defaultMs
  const asked = Number(call.getDeadline())
  return Number.isFinite(asked) ? asked : latest
}

/** Opens the call; `ended` carries DEADLINE_EXCEEDED or CANCELLED. */
export function openCall(call: IncomingCall, defaultMs: number): OpenCall {
  const controller = new AbortController()
  const deadline = deadlineOf(call, defaultMs)
  let abandon: (error: VaultError) => void
  const ended = new Promise<never>((_, reject) => {
    abandon = reject
  })
  ended.catch(() => undefined) // nobody may be waiting for it, which is no fault
  const end = (reason: Reason) => {
    const error = new VaultError(reason)
    controller.abort(error)
    abandon(error)
  }
  const cancelled = () => end(Date.now() + slackMs < deadline ? 'CANCELLED' : 'DEADLINE_EXCEEDED')
  const timer = setTimeout(end, Math.max(0, Math.min(deadline - Date.now(), longestTimerMs)), 'DEADLINE_EXCEEDED')
  call.once('cancelled', cancelled)
  return {
    context: { requestId: requestIdOf(call.metadata), deadline, signal: controller.signal },
    ended,
    close() {
      clearTimeout(timer)
      call.off('cancelled', cancelled) // grpc-js emits it after every call, answered or not
    },
  }
}
