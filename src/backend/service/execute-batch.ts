// Many calls in one message: they run at once, each with its own deadline and outcome, and are answered as they finish, so
// that a slow call delays no other. What finishes together, such as one group commit, is answered together.
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

/** The methods a batch is made of, and those beside them. */
export type BackendCalls = Omit<Methods<BackendServiceServer>, 'executeBatch'>

export const maxBatchCalls = 128
const maxFrameBytes = 1024 * 1024
const resultBytes = 1024 // of an error, or of all but the record and the user

type Outcome = NonNullable<BatchResult['outcome']>
type Failed = (error: VaultError, requestId: string) => void

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
      return resultBytes + bytesOfUser(result?.$case === 'currentUser' ? result.value : undefined)
    }
    default:
      return resultBytes
  }
}

/** Cuts results into frames of at most 1 MiB, or one larger result. */
function* framesOf(results: BatchResult[]): Generator<ExecuteBatchResponse> {
  let frame: BatchResult[] = []
  let bytes = 0
  for (const result of results) {
    const size = bytesOf(result)
    if (frame.length > 0 && bytes + size > maxFrameBytes) {
      yield { results: frame }
      frame = []
      bytes = 0
    }
    frame.push(result)
    bytes += size
  }
  yield { results: frame }
}

/** Collects what finishes; `take` resolves with all that has, a turn after the first of it. */
function finishing<T>() {
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

export function executeBatch(methods: BackendCalls, failed: Failed = () => undefined) {
  async function run(call: BatchCall, batch: CallContext): Promise<BatchResult> {
    const requestId = isRequestId(call.requestId) ? call.requestId : batch.requestId
    try {
      const deadline = Math.min(Date.now() + call.timeoutMs, batch.deadline)
      const context = { requestId, deadline, signal: batch.signal }
      checkDeadline(context)
      return { index: call.index, outcome: await outcomeOf(methods, call, context) }
    } catch (thrown) {
      const error = asVaultError(thrown)
      failed(error, requestId)
      return { index: call.index, outcome: { $case: 'error', value: toRpcStatus(error, requestId) } }
    }
  }

  async function* answerOne(request: ExecuteBatchRequest, context: CallContext): AsyncGenerator<ExecuteBatchResponse> {
    checkBatch(request)
    const results = finishing<BatchResult>()
    const running = request.calls.map((call) => run(call, context).then(results.add))
    try {
      for (let left = request.calls.length; left > 0; ) {
        const finished = await results.take()
        left -= finished.length
        yield* framesOf(finished)
      }
    } finally {
      await Promise.all(running) // when nobody waits any more, they still hold this call's place
    }
  }

  return async function* (requests: AsyncIterable<ExecuteBatchRequest>, context: CallContext) {
    for await (const request of requests) yield* answerOne(request, context)
  }
}
