// The calls that wait to be gathered, bounded in number and bytes.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { BatchCall } from '../../gen/encserver/v1/backend.js'
import { bytesOfRecord, bytesOfUser } from '../record/message-size.js'

export type BatchedCall = NonNullable<BatchCall['call']>

export interface QueuedCall {
  call: BatchedCall
  context: CallContext
  resolve(answer: unknown): void
  reject(error: unknown): void
}

export interface BatchQueue {
  isEmpty(): boolean
  /** Throws OVERLOADED when too much waits already. */
  add(waiting: QueuedCall): void
  /** Returns whether it was still there. */
  remove(waiting: QueuedCall): boolean
  /** The oldest calls that make a batch: at least one. */
  take(): QueuedCall[]
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
function bytesOf({ call }: QueuedCall): number {
  if (call.$case === 'store') return callBytes + bytesOfRecord(call.value.record) + bytesOfUser(call.value.newUser)
  return callBytes + call.value.recordIds.length * idBytes
}

interface Queued {
  waiting: QueuedCall
  size: number
}

export function batchQueue({ batchCalls, batchBytes, waitingCalls, waitingBytes }: Bounds): BatchQueue {
  const queue: Queued[] = [] // no Map (CONTRIBUTING.md)
  let bytes = 0

  /** How many of the oldest make a batch. */
  function fitting(): number {
    let total = 0
    const end = queue.findIndex(({ size }, at) => {
      total += size
      return at > 0 && (at === batchCalls || total > batchBytes)
    })
    return end < 0 ? queue.length : end
  }

  function takeOut(at: number, count: number): QueuedCall[] {
    return queue.splice(at, count).map(({ waiting, size }) => {
      bytes -= size
      return waiting
    })
  }

  return {
    isEmpty: () => queue.length === 0,
    add(waiting) {
      const size = bytesOf(waiting)
      if (queue.length >= waitingCalls || bytes + size > waitingBytes)
        throw new VaultError('OVERLOADED', { retryAfterMs })
      queue.push({ waiting, size })
      bytes += size
    },
    remove(waiting) {
      const at = queue.findIndex((queued) => queued.waiting === waiting)
      return at >= 0 && takeOut(at, 1).length > 0
    },
    take: () => takeOut(0, fitting()),
  }
}
