// Sends one batch and gives each call its result as it arrives. Calls that a broken batch leaves open are retried one
// by one: the key ids make that harmless, and a retried store says that it is one (ADR 14). A write whose retry fails
// too has an unknown outcome.
import { setTimeout as sleep } from 'node:timers/promises'
import { agedBy, leavesPriorAttemptUnknown, msSince, neverSent } from '../../core/client/retry.js'
import { maxTimerMs } from '../../core/concurrency/deadline.js'
import { VaultError } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import { asVaultError, fromRpcStatus } from '../../core/status.js'
import type {
  BackendServiceServer,
  BatchCall,
  BatchResult,
  StoreEnvelopeRequest,
} from '../../gen/encserver/v1/backend.js'
import { checkDeadline } from '../store/deadline.js'
import type { QueuedCall } from './batch-queue.js'
import { retriedDelete } from './retried-calls.js'
import type { StreamPool } from './stream-pool.js'

type BackendMethods = Methods<BackendServiceServer>

/** The back end that batches are sent to. */
export interface BatchTarget {
  streams: StreamPool
  methods: BackendMethods
  /** A number for a call, unique on its stream, so that a late result is not taken for that of another call. */
  nextIndex(): number
}

/** The attempt of a call in a batch that failed. */
interface PriorAttempt {
  error: VaultError
  /** When the batch was sent, by `performance.now()`; undefined if the call cannot have been executed. */
  sentAt: number | undefined
}

// A batch outlives its calls by this time, so that each call ends by its own deadline.
const graceMs = 1_000
const maxTimeoutMs = 2 ** 32 - 1

/** Settles each call of the batch; never rejects. Calls `onFirstResult` when results begin to come. */
export async function sendBatch(target: BatchTarget, batch: QueuedCall[], onFirstResult: () => void): Promise<void> {
  const { methods, streams } = target
  const [only] = batch
  // A new stream for a single call would cost more than the call.
  if (only !== undefined && batch.length === 1 && !streams.isReady()) return settleAlone(methods, only)
  const unanswered = new Map(batch.map((queued) => [target.nextIndex(), queued]))
  const sentAt = performance.now()
  const error = await exchange(target, unanswered, onFirstResult)
  if (error === undefined) return
  const priorAttempt = { error, sentAt: neverExecuted(error) ? undefined : sentAt }
  await Promise.all(Array.from(unanswered.values(), (queued) => settleAlone(methods, queued, priorAttempt)))
}

/** Resolves with the error that broke the stream, if any; `unanswered` then holds the calls without a result. */
function exchange(
  { methods, streams }: BatchTarget,
  unanswered: Map<number, QueuedCall>,
  onFirstResult: () => void,
): Promise<VaultError | undefined> {
  const calls = Array.from(unanswered, ([index, queued]) => batchCall(index, queued))
  const timeoutMs = Math.max(...calls.map((call) => call.timeoutMs)) + graceMs
  const accept = (results: BatchResult[]) => {
    onFirstResult()
    for (const { index, outcome } of results) {
      const queued = unanswered.get(index)
      if (queued) settle(methods, queued, outcome)
      unanswered.delete(index)
    }
    return unanswered.size === 0
  }
  return streams.exchange({ calls, timeoutMs: Math.min(timeoutMs, maxTimerMs), accept })
}

function batchCall(index: number, queued: QueuedCall): BatchCall {
  const { call, context, submittedAt } = queued
  const timeoutMs = Math.min(Math.max(1, Math.ceil(context.deadline - Date.now())), maxTimeoutMs)
  return {
    index,
    timeoutMs,
    requestId: context.requestId,
    // The hot path: only a repeat is copied.
    call:
      call.$case === 'store' && submittedAt !== undefined ? { ...call, value: agedStore(queued, call.value) } : call,
  }
}

/** The store with the age of its prior attempt at this moment: of the one that its caller made, else of one made here. */
function agedStore({ submittedAt }: QueuedCall, store: StoreEnvelopeRequest, sentAt?: number): StoreEnvelopeRequest {
  const since = submittedAt ?? sentAt
  return since === undefined ? store : agedBy(store, msSince(since))
}

function settle(methods: BackendMethods, queued: QueuedCall, outcome: BatchResult['outcome']): void {
  if (outcome?.$case === 'error') fail(methods, queued, fromRpcStatus(outcome.value))
  else if (outcome?.$case === queued.call.$case) queued.resolve(outcome.value)
  else queued.reject(new VaultError('INTERNAL', { cause: 'the back end sent the result of another kind of call' }))
}

function fail(methods: BackendMethods, queued: QueuedCall, error: VaultError): void {
  if (error.reason === 'OVERLOADED') void settleAlone(methods, queued, { error, sentAt: undefined })
  else queued.reject(error)
}

/** Settles the call by a call of its own, after the attempt in a batch if there was one. */
async function settleAlone(methods: BackendMethods, queued: QueuedCall, priorAttempt?: PriorAttempt): Promise<void> {
  try {
    if (priorAttempt?.error.retryAfterMs !== undefined) await pauseAfter(priorAttempt.error, queued)
    checkDeadline(queued.context)
    queued.resolve(await callAlone(methods, queued, priorAttempt?.sentAt))
  } catch (thrown) {
    queued.reject(errorAfter(priorAttempt, asVaultError(thrown), queued))
  }
}

/** Waits as long as the error asks for; throws it when the deadline comes first. */
async function pauseAfter(error: VaultError, { context }: QueuedCall): Promise<void> {
  const waitMs = (error.retryAfterMs ?? 0) * (1 + Math.random())
  if (Date.now() + waitMs >= context.deadline) throw error
  await sleep(waitMs)
}

function callAlone(methods: BackendMethods, queued: QueuedCall, priorAttemptAt: number | undefined) {
  const { call, context } = queued
  const isFirst = priorAttemptAt === undefined
  switch (call.$case) {
    case 'store':
      return methods.storeEnvelope(agedStore(queued, call.value, priorAttemptAt), context)
    case 'retrieve':
      return methods.retrieveEnvelope(call.value, context)
    case 'delete': {
      const answer = methods.deleteEnvelope(call.value, context)
      return isFirst ? answer : retriedDelete(answer)
    }
  }
}

/** The error of a retry; OUTCOME_UNKNOWN when it says nothing about the prior attempt at a write. */
function errorAfter(priorAttempt: PriorAttempt | undefined, error: VaultError, { call }: QueuedCall): VaultError {
  const mayHaveCommitted = priorAttempt?.sentAt !== undefined && call.$case !== 'retrieve'
  return mayHaveCommitted && leavesPriorAttemptUnknown(error)
    ? new VaultError('OUTCOME_UNKNOWN', { cause: error })
    : error
}

/** True when the back end cannot have begun a call of the batch. */
function neverExecuted(error: VaultError): boolean {
  return neverSent(error) || error.reason === 'OVERLOADED' || error.reason === 'NOT_SUPPORTED'
}
