// StoreRecords and RetrieveRecords: the unary methods, item by item, on one call.
import { invalidField, type VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import { asVaultError, toRpcStatus } from '../../core/status.js'
import {
  type FrontendServiceServer,
  FrontendServiceService,
  type RetrieveRecordsResponse,
  type StoreRecordsResponse,
} from '../../gen/encserver/v1/frontend.js'
import { itemPipeline } from './item-pipeline.js'

type FrontendMethods = Methods<FrontendServiceServer>
type Streams = Pick<FrontendMethods, 'storeRecords' | 'retrieveRecords'>
type Calls = Pick<FrontendMethods, 'storeRecord' | 'retrieveRecord'>

/** Told of each item that failed, as only its caller hears of it otherwise. */
export type ItemFailed = (error: VaultError, requestId: string) => void

const outcomesOf = ({ outcome }: StoreRecordsResponse | RetrieveRecordsResponse) => [outcome]

/** The two as a server offers them, so that their lines in the log say how many items failed. */
export const recordStreamMethods = {
  storeRecords: { ...FrontendServiceService.storeRecords, outcomesOf },
  retrieveRecords: { ...FrontendServiceService.retrieveRecords, outcomesOf },
}

const itemDeadlineMs = 30_000
const overheadBytes = 1024

/** Each item has what is left of the stream's time, but no longer than a call by itself would. */
function itemCall(call: CallContext): CallContext {
  return { ...call, deadline: Math.min(call.deadline, Date.now() + itemDeadlineMs) }
}

export function recordStreams(calls: Calls, failed: ItemFailed = () => undefined): Streams {
  async function outcomeOf<T>(work: () => Promise<T>, { requestId }: CallContext) {
    try {
      return { done: await work() }
    } catch (thrown) {
      const error = asVaultError(thrown)
      failed(error, requestId)
      return { error: { $case: 'error' as const, value: toRpcStatus(error, requestId) } }
    }
  }

  return {
    storeRecords: (requests, call) =>
      itemPipeline(requests, {
        bytesOf: ({ record }) => overheadBytes + (record?.data.length ?? 0),
        async answer({ itemId, record }) {
          const { done, error } = await outcomeOf(() => calls.storeRecord(given(record), itemCall(call)), call)
          const outcome: StoreRecordsResponse['outcome'] = done ? { $case: 'stored', value: done } : error
          return { response: { itemId, outcome }, bytes: overheadBytes }
        },
      }),
    retrieveRecords: (requests, call) =>
      itemPipeline(requests, {
        bytesOf: () => overheadBytes,
        async answer({ itemId, record }) {
          const { done, error } = await outcomeOf(() => calls.retrieveRecord(given(record), itemCall(call)), call)
          const outcome: RetrieveRecordsResponse['outcome'] = done ? { $case: 'retrieved', value: done } : error
          return { response: { itemId, outcome }, bytes: overheadBytes + (done?.data.length ?? 0) }
        },
      }),
  }
}

function given<T>(record: T | undefined): T {
  if (record === undefined) throw invalidField('record', 'must be set')
  return record
}
