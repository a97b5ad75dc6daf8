// Gathers the calls that are waiting at the same time into one message (ExecuteBatch): an outgoing gRPC call costs more
// than all the rest of a record's way. Each call keeps its own deadline, cancellation and outcome, and none waits for
// another: a batch holds its turn only until its first result, or a moment.

import { cancelledBy, lateUnsent } from '../../core/client/retry.js'
import { maxTimerMs } from '../../core/deadline.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import { semaphore } from '../../core/semaphore.js'
import type {
  BackendServiceServer,
  DeleteEnvelopeResponse,
  RetrieveEnvelopeResponse,
  StoreEnvelopeResponse,
} from '../../gen/encserver/v1/backend.js'
import { type BatchedCall, type BatchQueue, batchQueue, type QueuedCall } from './batch-queue.js'
import { sendBatch } from './send-batch.js'
import { streamPool } from './stream-pool.js'

export interface BatchLimits {
  batchCalls: number
  batchBytes: number
  /** Batches that have not had a result yet. */
  turns: number
  /** A batch without a result gives its turn back after this. */
  turnMs: number
  waitingCalls: number
  waitingBytes: number
}

const MiB = 1024 * 1024
/** A call that is sent alone has a deadline of its own, and its connection can tell whether it ever left. */
const ownWordMs = 20

export const defaultBatchLimits: BatchLimits = {
  batchCalls: 128,
  batchBytes: MiB,
  turns: 8,
  turnMs: 20,
  waitingCalls: 4096,
  waitingBytes: 64 * MiB,
}

type Connected = Methods<BackendServiceServer>

/** The same methods; stores, retrieves and deletes that wait at the same time share a message. */
export function batchingClient(methods: Connected, limits = defaultBatchLimits): Connected {
  const queue = batchQueue(limits)
  const turns = semaphore(limits.turns, schedule)
  let nextIndex = 0
  const to = { methods, streams: streamPool(methods), nextIndex: () => nextIndex++ >>> 0 }
  let scheduled = false

  function schedule(): void {
    if (scheduled || !turns.isFree() || queue.isEmpty()) return
    scheduled = true
    setImmediate(send)
  }

  function send(): void {
    scheduled = false
    while (!queue.isEmpty()) {
      const release = turns.tryAcquire()
      if (release === undefined) return
      // A slow call must not hold up the batches behind its own.
      const timer = setTimeout(release, limits.turnMs)
      const done = () => {
        clearTimeout(timer)
        release()
      }
      void sendBatch(to, queue.take(), done).finally(done)
    }
  }

  function submit(call: BatchedCall, context: CallContext): Promise<unknown> {
    if (context.signal.aborted) return Promise.reject(cancelledBy(context.signal))
    return new Promise((resolve, reject) => {
      const waiting: QueuedCall = { call, context, resolve, reject }
      queue.add(waiting)
      endWithCaller(waiting, queue)
      schedule()
    })
  }

  return {
    ...methods,
    storeEnvelope: (value, context) => submit({ $case: 'store', value }, context) as Promise<StoreEnvelopeResponse>,
    retrieveEnvelope: (value, context) =>
      submit({ $case: 'retrieve', value }, context) as Promise<RetrieveEnvelopeResponse>,
    deleteEnvelope: (value, context) => submit({ $case: 'delete', value }, context) as Promise<DeleteEnvelopeResponse>,
  }
}

/** Answers the call when its caller cancels or its time is up, whatever its batch does. */
function endWithCaller(waiting: QueuedCall, queue: BatchQueue): void {
  const { context, resolve, reject } = waiting
  const { signal, deadline } = context
  const late = () => waiting.reject(queue.remove(waiting) ? lateUnsent() : new VaultError('DEADLINE_EXCEEDED'))
  const cancelled = () => {
    queue.remove(waiting)
    waiting.reject(cancelledBy(signal))
  }
  const timer = setTimeout(late, Math.min(deadline + ownWordMs - Date.now(), maxTimerMs))
  signal.addEventListener('abort', cancelled, { once: true })
  const settle = () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancelled)
  }
  waiting.resolve = (answer) => {
    settle()
    resolve(answer)
  }
  waiting.reject = (error) => {
    settle()
    reject(error)
  }
}
