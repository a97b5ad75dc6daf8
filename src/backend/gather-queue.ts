// The calls that wait to be gathered, bounded in number and bytes.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { BatchCall } from '../gen/encserver/v1/backend.js'
import { bytesOfRecord, bytesOfUser } from './message-bytes.js'

export type GatheredCall = NonNullable<BatchCall['call']>

export interface Waiting {
  call: GatheredCall
  context: CallContext
  resolve(answer: unknown): void
  reject(error: unknown): void
}

export interface GatherQueue {
  isEmpty(): boolean
  /** Throws OVERLOADED when too much waits already. */
  add(waiting: Waiting): void
  /** Returns whether it was still there. */
  remove(waiting: Waiting): boolean
  /** The oldest calls that make a batch: at least one. */
  take(): Waiting[]
}

interface Bounds {
  batchCalls: number
  batchBytes: number
  waitingCalls: number
  waitingBytes: number
}

const retryAfterMs = 100
const callBytes = 256 // all but its record, its user and its ids
const idBytes = 80

/** About what a call adds to a message. */
function bytesOf({ call }: Waiting): number {
  if (call.$case === 'store') return callBytes + bytesOfRecord(call.value.record) + bytesOfUser(call.value.newUser)
  return callBytes + call.value.recordIds.length * idBytes
}

export function gatherQueue({ batchCalls, batchBytes, waitingCalls, waitingBytes }: Bounds): GatherQueue {
  const queue = new Map<Waiting, number>()
  let bytes = 0

  function remove(waiting: Waiting): boolean {
    bytes -= queue.get(waiting) ?? 0
    return queue.delete(waiting)
  }

  return {
    isEmpty: () => queue.size === 0,
    add(waiting) {
      const size = bytesOf(waiting)
      if (queue.size >= waitingCalls || bytes + size > waitingBytes)
        throw new VaultError('OVERLOADED', { retryAfterMs })
      queue.set(waiting, size)
      bytes += size
    },
    remove,
    take() {
      const batch: Waiting[] = []
      let total = 0
      for (const [waiting, size] of queue) {
        total += size
        if (batch.length > 0 && (batch.length === batchCalls || total > batchBytes)) break
        batch.push(waiting)
      }
      for (const waiting of batch) remove(waiting)
      return batch
    },
  }
}
