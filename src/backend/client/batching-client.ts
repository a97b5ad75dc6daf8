// A client that batches: calls that wait at the same time share one message (ExecuteBatch), because an outgoing gRPC
// call costs more than everything else on a record's way. Each call keeps its own deadline, cancellation and outcome.
// No call waits for a slow one: a batch counts as in flight only until its first result or for `firstResultMs`.
import { cancelledBy, lateUnsent } from '../../core/client/retry.js'
import { maxTimerMs } from '../../core/concurrency/deadline.js'
import { semaphore } from '../../core/concurrency/semaphore.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import type {
  BackendServiceServer,
  DeleteEnvelopeResponse,
  RetrieveEnvelopeResponse,
  StoreEnvelopeResponse,
} from '../../gen/encserver/v1/backend.js'
import { type BatchedCall, type BatchQueue, batchQueue, type QueuedCall } from './batch-queue.js'
import { sendBatch } from './send-batch.js'
import { streamPool } from './stream-pool.js'

/** The limits of batches and of the queue behind them. */
export interface BatchLimits {
  maxBatchCalls: number
  maxBatchBytes: number
  /** Batches in flight: those without a result. */
  maxBatches: number
  /** A batch without a result no longer counts as in flight after this time. */
  firstResultMs: number
  maxQueuedCalls: number
  maxQueuedBytes: number
}

const MiB = 1024 * 1024
/**
 * How long after its deadline this client ends a call. A call that is sent alone then gets the error of its connection
 * first, which knows whether the call was ever sent.
 */
const graceMs = 20

/** The limits of a client that sets none. */
export const defaultBatchLimits: BatchLimits = {
  maxBatchCalls: 128,
  maxBatchBytes: MiB,
  maxBatches: 8,
  firstResultMs: 20,
  maxQueuedCalls: 4096,
  maxQueuedBytes: 64 * MiB,
}

type BackendMethods = Methods<BackendServiceServer>

/** The same methods; stores, retrieves and deletes that wait at the same time share a message. */
export function batchingClient(methods: BackendMethods, limits = defaultBatchLimits): BackendMethods {
  const queue = batchQueue(limits)
  const batches = semaphore(limits.maxBatches, schedule)
  let nextIndex = 0
  const target = { methods, streams: streamPool(methods), nextIndex: () => nextIndex++ >>> 0 }
  let scheduled = false

  function schedule(): void {
    if (scheduled || !batches.isFree() || queue.isEmpty()) return
    scheduled = true
    setImmediate(send)
  }

  function send(): void {
    scheduled = false
    while (!queue.isEmpty()) {
      const release = batches.tryAcquire()
      if (release === undefined) return
      // A slow call must not delay the next batches.
      const timer = setTimeout(release, limits.firstResultMs)
      const land = () => {
        clearTimeout(timer)
        release()
      }
      void sendBatch(target, queue.take(), land).finally(land)
    }
  }

  function submit(call: BatchedCall, context: CallContext): Promise<unknown> {
    if (context.signal.aborted) return Promise.reject(cancelledBy(context.signal))
    return new Promise((resolve, reject) => {
      const isRepeat = call.$case === 'store' && call.value.triedMsAgo > 0
      const submittedAt = isRepeat ? performance.now() : undefined
      const queued: QueuedCall = { call, context, submittedAt, resolve, reject }
      queue.add(queued)
      endWithCaller(queued, queue)
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

/** Settles the call when its caller cancels or its deadline passes, whatever becomes of its batch. */
function endWithCaller(queued: QueuedCall, queue: BatchQueue): void {
  const { context, resolve, reject } = queued
  const { signal, deadline } = context
  const expire = () => queued.reject(queue.remove(queued) ? lateUnsent() : new VaultError('DEADLINE_EXCEEDED'))
  const cancel = () => {
    queue.remove(queued)
    queued.reject(cancelledBy(signal))
  }
  const timer = setTimeout(expire, Math.min(deadline + graceMs - Date.now(), maxTimerMs))
  signal.addEventListener('abort', cancel, { once: true })
  const detach = () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', cancel)
  }
  queued.resolve = (answer) => {
    detach()
    resolve(answer)
  }
  queued.reject = (error) => {
    detach()
    reject(error)
  }
}
