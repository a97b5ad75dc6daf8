// Limits on the calls for single records, unary or as items of a stream: in each turn of the event loop, and of the bytes in
// work and in answers that wait for their callers.

import { cancelledBy } from '../../core/client/retry.js'
import { byteGate } from '../../core/concurrency/byte-gate.js'
import { type ReadWindow, SharedReadWindow } from '../../core/concurrency/read-window.js'
import { turnLimiter } from '../../core/concurrency/turn-limiter.js'
import type { CallContext, Methods } from '../../core/methods.js'
import type { FrontendServiceServer } from '../../gen/encserver/v1/frontend.js'

/** The methods for single records. */
export type RecordCalls = Pick<
  Methods<FrontendServiceServer>,
  'storeRecord' | 'retrieveRecord' | 'deleteRecord' | 'listRecords'
>

const MiB = 1024 * 1024
// A store in work takes some five times the size of its contents.
const storeLimits = { maxRunning: 32 * MiB, maxWaiting: 64 * MiB, minCounted: 16 * 1024 }
const readLimits = {
  process: { maxReads: 128, maxLargeReads: 16, maxUnsentBytes: 64 * MiB },
  reader: { maxReads: 128, maxLargeReads: 8, maxUnsentBytes: 16 * MiB },
}

/** Of records that arrive together, starts a few in each turn of the event loop, so that their batches leave one by one. */
export function limitTurns(calls: RecordCalls): RecordCalls {
  const { turn } = turnLimiter()
  const limited = <Request, Response>(method: (request: Request, call: CallContext) => Promise<Response>) => {
    return async (request: Request, call: CallContext) => {
      const later = turn()
      if (later !== undefined) await later
      if (call.signal.aborted) throw cancelledBy(call.signal)
      return method(request, call)
    }
  }
  return { ...calls, storeRecord: limited(calls.storeRecord), retrieveRecord: limited(calls.retrieveRecord) }
}

/** Bounds the contents of stores in work, and of records that were read and whose callers have not taken them. */
export function limitBytes(calls: RecordCalls): RecordCalls {
  const stores = byteGate(storeLimits)
  const windowOf = readWindows()
  return {
    ...calls,
    storeRecord: (request, call) =>
      stores.run(request.data?.length ?? 0, async () => {
        if (call.signal.aborted) throw cancelledBy(call.signal)
        return calls.storeRecord(request, call)
      }),

    async retrieveRecord(request, call) {
      const window = windowOf(call)
      const room = window.enter()
      if (room !== undefined) await room
      let bytes = 0
      try {
        if (call.signal.aborted) throw cancelledBy(call.signal)
        const answer = await calls.retrieveRecord(request, call)
        bytes = answer.data.length
        return answer
      } finally {
        window.leave(bytes)
        const sent = () => window.sent(bytes)
        // An item of a stream has no answer of its own: its stream bounds what waits.
        if (call.whenSent) call.whenSent(sent)
        else sent()
      }
    },
  }
}

/** The read window of a call's connection. Calls without a connection share one. */
function readWindows(): (call: CallContext) => ReadWindow {
  const shared = new SharedReadWindow(readLimits)
  const byConnection = new WeakMap<object, ReadWindow>()
  const local = {}
  return ({ connection = local }) => {
    const known = byConnection.get(connection)
    if (known !== undefined) return known
    const made = shared.forReader()
    byConnection.set(connection, made)
    return made
  }
}
