// One batch: sent, its results handed out as they come. What a broken batch left open is made again call by call, which
// the key ids make harmless, and stores say that they are; if that fails too, nobody knows what became of the writes, and
// they say so.
import { setTimeout as sleep } from 'node:timers/promises'
import { leavesPriorAttemptUnknown, msSince, neverSent } from '../../core/client/retry.js'
import { maxTimerMs } from '../../core/deadline.js'
import { VaultError } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import { asVaultError, fromRpcStatus } from '../../core/status.js'
import type { BackendServiceServer, BatchCall, BatchResult } from '../../gen/encserver/v1/backend.js'
import { checkDeadline } from '../store/deadline.js'
import type { QueuedCall } from './batch-queue.js'
import { retriedDelete, retriedStore } from './retried-calls.js'
import type { StreamPool } from './stream-pool.js'

type Connected = Methods<BackendServiceServer>

/** Where batches go, and what is left of them. */
export interface BatchTarget {
  streams: StreamPool
  methods: Connected
  /** A number for a call, which no other of its stream has: a result that comes too late is nobody's. */
  nextIndex(): number
}

/** What became of a call in a batch. */
interface Before {
  error: VaultError
  /** When the batch was sent, by `performance.now()`, if the call may have been done; else undefined. */
  doubtedFrom: number | undefined
}

// A batch may outlive its calls by this, so that it is each call's own deadline that ends it.
const graceMs = 1_000
const longestTimeoutMs = 2 ** 32 - 1

/** Never rejects: each call of the batch is settled. `first` is told when results begin to come. */
export async function sendBatch(to: BatchTarget, batch: QueuedCall[], first: () => void): Promise<void> {
  const { methods, streams } = to
  const [only] = batch
  // To begin a stream for it would cost more than a call.
  if (only !== undefined && batch.length === 1 && !streams.isReady()) return settleAlone(methods, only)
  const open = new Map(batch.map((waiting) => [to.nextIndex(), waiting]))
  const sentAt = performance.now()
  const broken = await exchange(to, open, first)
  if (broken === undefined) return
  const before = { error: broken, doubtedFrom: neverDone(broken) ? undefined : sentAt }
  await Promise.all(Array.from(open.values(), (waiting) => settleAlone(methods, waiting, before)))
}

/** Resolves with what broke the stream; `open` holds the calls left. */
function exchange({ methods, streams }: BatchTarget, open: Map<number, QueuedCall>, first: () => void) {
  const calls = Array.from(open, ([index, waiting]) => batchCall(index, waiting))
  const timeoutMs = Math.max(...calls.map((call) => call.timeoutMs)) + graceMs
  const answered = (results: BatchResult[]) => {
    first()
    for (const { index, outcome } of results) {
      const waiting = open.get(index)
      if (waiting) settle(methods, waiting, outcome)
      open.delete(index)
    }
    return open.size === 0
  }
  return streams.exchange({ calls, timeoutMs: Math.min(timeoutMs, maxTimerMs), answered })
}

function batchCall(index: number, { call, context }: QueuedCall): BatchCall {
  const timeoutMs = Math.min(Math.max(1, Math.ceil(context.deadline - Date.now())), longestTimeoutMs)
  return { index, timeoutMs, requestId: context.requestId, call }
}

function settle(methods: Connected, waiting: QueuedCall, outcome: BatchResult['outcome']): void {
  if (outcome?.$case === 'error') refuse(methods, waiting, fromRpcStatus(outcome.value))
  else if (outcome?.$case === waiting.call.$case) waiting.resolve(outcome.value)
  else waiting.reject(new VaultError('INTERNAL', { cause: 'the back end answered another call than was made' }))
}

function refuse(methods: Connected, waiting: QueuedCall, error: VaultError): void {
  if (error.reason === 'OVERLOADED') void settleAlone(methods, waiting, { error, doubtedFrom: undefined })
  else waiting.reject(error)
}

/** Makes the call by itself; `before` is what became of it in a batch. */
async function settleAlone(methods: Connected, waiting: QueuedCall, before?: Before): Promise<void> {
  try {
    if (before?.error.retryAfterMs !== undefined) await pause(before.error, before.error.retryAfterMs, waiting)
    checkDeadline(waiting.context)
    waiting.resolve(await callAlone(methods, waiting, before?.doubtedFrom))
  } catch (thrown) {
    waiting.reject(outcomeAfter(before, asVaultError(thrown), waiting))
  }
}

async function pause(before: VaultError, retryAfterMs: number, { context }: QueuedCall): Promise<void> {
  const waitMs = retryAfterMs * (1 + Math.random())
  if (Date.now() + waitMs >= context.deadline) throw before
  await sleep(waitMs)
}

function callAlone(methods: Connected, { call, context }: QueuedCall, doubtedFrom: number | undefined) {
  switch (call.$case) {
    case 'store':
      return methods.storeEnvelope(
        doubtedFrom === undefined ? call.value : retriedStore(call.value, msSince(doubtedFrom)),
        context,
      )
    case 'retrieve':
      return methods.retrieveEnvelope(call.value, context)
    case 'delete':
      return doubtedFrom === undefined
        ? methods.deleteEnvelope(call.value, context)
        : retriedDelete(methods.deleteEnvelope(call.value, context))
  }
}

// The second try says only that it did not get through; the first may have.
function outcomeAfter(before: Before | undefined, error: VaultError, { call }: QueuedCall): VaultError {
  const perhapsDone = before?.doubtedFrom !== undefined && call.$case !== 'retrieve'
  return perhapsDone && leavesPriorAttemptUnknown(error) ? new VaultError('OUTCOME_UNKNOWN', { cause: error }) : error
}

/** True when no call of the batch can have been begun. */
function neverDone(broken: VaultError): boolean {
  return neverSent(broken) || broken.reason === 'OVERLOADED' || broken.reason === 'NOT_SUPPORTED'
}
