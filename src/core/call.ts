// One call in a server: its id, its deadline, its cancellation. A caller without a deadline gets the default.
import type { ServerUnaryCall } from '@grpc/grpc-js'
import { VaultError } from './errors.js'
import type { CallContext } from './methods.js'
import { requestIdOf } from './request-id.js'

/** A call being answered; `ended` rejects when nobody waits any more, and `close` forgets its timer. */
export interface OpenCall {
  readonly context: CallContext
  readonly ended: Promise<never>
  close(): void
}

function deadlineOf(call: ServerUnaryCall<unknown, unknown>, defaultMs: number): number {
  const latest = Date.now() + defaultMs
  const asked = Number(call.getDeadline())
  return Number.isFinite(asked) ? asked : latest
}

/** Opens the call; `ended` carries DEADLINE_EXCEEDED or CANCELLED. */
export function openCall(call: ServerUnaryCall<unknown, unknown>, defaultMs: number): OpenCall {
  const controller = new AbortController()
  const deadline = deadlineOf(call, defaultMs)
  const end = () => {
    const reason = Date.now() >= deadline ? 'DEADLINE_EXCEEDED' : 'CANCELLED'
    if (!controller.signal.aborted) controller.abort(new VaultError(reason))
  }
  const timer = setTimeout(end, Math.max(0, Math.min(deadline - Date.now(), 2 ** 31 - 1)))
  call.on('cancelled', end)
  const { signal } = controller
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  ended.catch(() => undefined) // nobody may be waiting for it, which is no fault
  return {
    context: { requestId: requestIdOf(call.metadata), deadline, signal },
    ended,
    close: () => clearTimeout(timer),
  }
}
