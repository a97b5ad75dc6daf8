// A driver has no deadline for a whole operation, and MongoDB's takes no request back that was sent: so the caller is
// answered in time, whatever the request does.

import { VaultError } from '../../core/errors.js'
import { longestTimerMs } from '../../core/server/call-context.js'
import { endOf } from './deadline.js'
import type { StoreCall } from './store.js'

/** Settles as the work does; rejects with DEADLINE_EXCEEDED or CANCELLED when the call ends before. */
export function withDeadline<T>(work: Promise<T>, call: StoreCall): Promise<T> {
  const { deadline, signal } = call
  return new Promise((resolve, reject) => {
    const end = () => reject(endOf(call) ?? new VaultError('DEADLINE_EXCEEDED'))
    const timer = setTimeout(end, Math.min(deadline - Date.now(), longestTimerMs))
    signal.addEventListener('abort', end, { once: true })
    const settled = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
    }
    work.then(resolve, reject).finally(settled)
  })
}
