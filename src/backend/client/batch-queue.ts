// The queue of calls that wait for a batch, bounded in calls and bytes.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { BatchCall } from '../../gen/encserver/v1/backend.js'
import { bytesOfRecord, bytesOfUser } from '../record/message-size.js'

/** A request that a batch can carry. */
export type BatchedCall = NonNullable<BatchCall['call']>

/** A call in the queue, and its caller's promise. */
export interface QueuedCall {
  call: BatchedCall
  context: CallContext
  /** When the call was made, by `performance.now()`; only for a store with a prior attempt of its caller. */
  submittedAt?: number | undefined
  resolve(answer: unknown): void
  reject(error: unknown): void
}

/** A queue of calls, oldest first. */
export interface BatchQueue {
  isEmpty(): boolean
  /** Adds a call; throws OVERLOADED when the queue is full. */
  add(queued: QueuedCall): void
  /** Removes a call; returns whether it was in the queue. */
  remove(queued: QueuedCall): boolean
  /** Takes the oldest calls that fit one batch: at least one. */
  take(): QueuedCall[]
}

interface QueueLimits {
  maxBatchCalls: number
  maxBatchBytes: number
  maxQueuedCalls: number
  maxQueuedBytes: number
}

const retryAfterMs = 100
const callBytes = 256 // without its record, its user and its ids
const idBytes = 80

/** An estimate of the bytes that a call takes in a message. */
function bytesOf({ call }: QueuedCall): number {
  if (call.$case === 'store') return callBytes + bytesOfRecord(call.value.record) + bytesOfUser(call.value.newUser)
  return callBytes + call.value.recordIds.length * idBytes
}

interface QueueEntry {
  queued: QueuedCall
  size: number
}

/** An empty queue. */
export function batchQueue(limits: QueueLimits): BatchQueue {
  const { maxBatchCalls, maxBatchBytes, maxQueuedCalls, maxQueuedBytes } = limits
  const entries: QueueEntry[] = [] // no Map (docs/performance.md)
  let bytes = 0

  /** How many of the oldest calls fit one batch. */
  function batchLength(): number {
    let total = 0
    const end = entries.findIndex(({ size }, at) => {
      total += size
      return at > 0 && (at === maxBatchCalls || total > maxBatchBytes)
    })
    return end < 0 ? entries.length : end
  }

  function removeAt(at: number, count: number): QueuedCall[] {
    return entries.splice(at, count).map(({ queued, size }) => {
      bytes -= size
      return queued
    })
  }

  return {
    isEmpty: () => entries.length === 0,
    add(queued) {
      const size = bytesOf(queued)
      if (entries.length >= maxQueuedCalls || bytes + size > maxQueuedBytes) {
        throw new VaultError('OVERLOADED', { retryAfterMs })
      }
      entries.push({ queued, size })
      bytes += size
    },
    remove(queued) {
      const at = entries.findIndex((entry) => entry.queued === queued)
      return at >= 0 && removeAt(at, 1).length > 0
    },
    take: () => removeAt(0, batchLength()),
  }
}
