// ExecuteBatch: many calls in one message. The calls run concurrently, each with its own deadline and outcome. Results
// are sent as calls finish, so a slow call delays no other; calls that finish together, such as those of one group
// commit, share a message. No retrieve begins while results wait for a reader that is slow.
import { type ReadWindow, SharedReadWindow } from '../../core/concurrency/read-window.js'
import { invalidField, type VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import { isRequestId } from '../../core/request-id.js'
import { asVaultError, toRpcStatus } from '../../core/status.js'
import type {
  BackendServiceServer,
  BatchCall,
  BatchResult,
  ExecuteBatchRequest,
  ExecuteBatchResponse,
} from '../../gen/encserver/v1/backend.js'
import { bytesOfRecord, bytesOfUser } from '../record/message-size.js'
import { checkDeadline } from '../store/deadline.js'

/** The methods that a batch may call, among others. */
export type BackendCalls = Omit<Methods<BackendServiceServer>, 'executeBatch'>

/** The most calls of one batch. */
export const maxBatchCalls = 128
const MiB = 1024 * 1024
const maxFrameBytes = MiB
/** A stream that its front end does not read takes a small share of the process. */
const windowLimits = {
  process: { maxReads: 64, maxLargeReads: 16, maxUnsentBytes: 64 * MiB },
  reader: { maxReads: 64, maxLargeReads: 4, maxUnsentBytes: 4 * MiB },
}
const resultBytes = 1024 // an error, or a result without its record and its user

type Outcome = NonNullable<BatchResult['outcome']>
type FailureListener = (error: VaultError, requestId: string) => void

function checkBatch({ calls }: ExecuteBatchRequest): void {
  if (calls.length === 0 || calls.length > maxBatchCalls) {
    throw invalidField('calls', `must be 1 to ${maxBatchCalls}, not ${calls.length}`)
  }
  if (new Set(calls.map(({ index }) => index)).size < calls.length)
    throw invalidField('calls.index', 'must be distinct')
}

async function outcomeOf(methods: BackendCalls, { call }: BatchCall, context: CallContext): Promise<Outcome> {
  switch (call?.$case) {
    case 'store':
      return { $case: 'store', value: await methods.storeEnvelope(call.value, context) }
    case 'retrieve':
      return { $case: 'retrieve', value: await methods.retrieveEnvelope(call.value, context) }
    case 'delete':
      return { $case: 'delete', value: await methods.deleteEnvelope(call.value, context) }
    default:
      throw invalidField('calls.call', 'must be store, retrieve or delete')
  }
}

function bytesOf({ outcome }: BatchResult): number {
  switch (outcome?.$case) {
    case 'retrieve':
      return resultBytes + bytesOfRecord(outcome.value.record) + bytesOfUser(outcome.value.user)
    case 'store': {
      const { result } = outcome.value
      if (result?.$case === 'currentUser') return resultBytes + bytesOfUser(result.value)
      if (result?.$case !== 'known') return resultBytes
      return resultBytes + bytesOfRecord(result.value.record) + bytesOfUser(result.value.user)
    }
    default:
      return resultBytes
  }
}

/** A finished call and its size in a message. */
interface Finished {
  result: BatchResult
  bytes: number
  isRead: boolean
}

/** Splits results into messages of at most 1 MiB, or of one larger result. */
function* framesOf(finished: Finished[], window: ReadWindow): Generator<ExecuteBatchResponse> {
  let frame: BatchResult[] = []
  let bytes = 0
  let readBytes = 0
  for (const item of finished) {
    if (frame.length > 0 && bytes + item.bytes > maxFrameBytes) {
      yield { results: frame }
      window.sent(readBytes)
      frame = []
      bytes = 0
      readBytes = 0
    }
    frame.push(item.result)
    bytes += item.bytes
    if (item.isRead) readBytes += item.bytes
  }
  yield { results: frame }
  window.sent(readBytes)
}

/** A queue of finished items. `take` resolves with all of them, one turn of the event loop after the first. */
function finishedQueue<T>() {
  let finished: T[] = []
  let wake = (): void => undefined
  return {
    add(item: T) {
      finished.push(item)
      if (finished.length === 1) wake()
    },
    async take(): Promise<T[]> {
      if (finished.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      await new Promise((resolve) => setImmediate(resolve))
      const taken = finished
      finished = []
      return taken
    },
  }
}

/** A stream of batches. */
interface BatchStream {
  context: CallContext
  window: ReadWindow
}

/** Runs a call, a retrieve once the window has room for it. */
async function inWindow(
  run: (call: BatchCall, batch: CallContext) => Promise<BatchResult>,
  call: BatchCall,
  { context, window }: BatchStream,
): Promise<Finished> {
  const isRead = call.call?.$case === 'retrieve'
  const room = isRead ? window.enter() : undefined
  if (room !== undefined) await room
  const result = await run(call, context)
  const bytes = bytesOf(result)
  if (isRead) window.leave(bytes)
  return { result, bytes, isRead }
}

/** The method ExecuteBatch over these methods. Calls `onFailure` for each call that fails. */
export function executeBatch(methods: BackendCalls, onFailure: FailureListener = () => undefined) {
  const windows = new SharedReadWindow(windowLimits)

  async function run(call: BatchCall, batch: CallContext): Promise<BatchResult> {
    const requestId = isRequestId(call.requestId) ? call.requestId : batch.requestId
    try {
      const deadline = Math.min(Date.now() + call.timeoutMs, batch.deadline)
      const context = { requestId, deadline, signal: batch.signal }
      checkDeadline(context)
      return { index: call.index, outcome: await outcomeOf(methods, call, context) }
    } catch (thrown) {
      const error = asVaultError(thrown)
      onFailure(error, requestId)
      return { index: call.index, outcome: { $case: 'error', value: toRpcStatus(error, requestId) } }
    }
  }

  async function* executeOne(request: ExecuteBatchRequest, stream: BatchStream): AsyncGenerator<ExecuteBatchResponse> {
    checkBatch(request)
    const results = finishedQueue<Finished>()
    const running = request.calls.map((call) => inWindow(run, call, stream).then(results.add))
    let left = request.calls.length
    try {
      while (left > 0) {
        const finished = await results.take()
        left -= finished.length
        yield* framesOf(finished, stream.window)
      }
    } finally {
      if (left > 0) stream.window.cancel() // a cancelled stream: reads that wait must end
      // After a cancellation too: running calls still count against the admission limit, through this call.
      await Promise.all(running)
    }
  }

  return async function* (requests: AsyncIterable<ExecuteBatchRequest>, context: CallContext) {
    const window = windows.forReader()
    try {
      for await (const request of requests) yield* executeOne(request, { context, window })
    } finally {
      window.close()
    }
  }
}
