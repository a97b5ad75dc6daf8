// StoreRecords and RetrieveRecords: many records on one call, each answered as by the unary method.
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

/** Called for each item that failed, for the log: the answer with the error goes to the caller only. */
export type ItemFailed = (error: VaultError, requestId: string) => void

const outcomesOf = ({ outcome }: StoreRecordsResponse | RetrieveRecordsResponse) => [outcome]

/** The definitions of both methods for a server, whose log line then has the number of failed items. */
export const recordStreamMethods = {
  storeRecords: { ...FrontendServiceService.storeRecords, outcomesOf },
  retrieveRecords: { ...FrontendServiceService.retrieveRecords, outcomesOf },
}

const itemDeadlineMs = 30_000
/** About the size of a message without its data. */
const overheadBytes = 1024

/** The call of one item: its deadline is the stream's, but no later than that of a single call. */
function itemCall(call: CallContext): CallContext {
  return { ...call, deadline: Math.min(call.deadline, Date.now() + itemDeadlineMs) }
}

/** Both methods over the unary ones. */
export function recordStreams(calls: Calls, failed: ItemFailed = () => undefined): Streams {
  async function settle<T>(work: () => Promise<T>, { requestId }: CallContext) {
    try {
      return { answer: await work() }
    } catch (thrown) {
      const error = asVaultError(thrown)
      failed(error, requestId)
      return { error: { $case: 'error' as const, value: toRpcStatus(error, requestId) } }
    }
  }

  return {
    storeRecords: (requests, call) =>
      itemPipeline(requests, {
        bytesOf: ({ record }) => overheadBytes + (record?.data?.length ?? 0),
        async answer({ itemId, record }) {
          const { answer, error } = await settle(() => calls.storeRecord(required(record), itemCall(call)), call)
          const outcome: StoreRecordsResponse['outcome'] = answer ? { $case: 'stored', value: answer } : error
          return { response: { itemId, outcome }, bytes: overheadBytes }
        },
      }),
    retrieveRecords: (requests, call) =>
      itemPipeline(requests, {
        bytesOf: () => overheadBytes,
        async answer({ itemId, record }) {
          const { answer, error } = await settle(() => calls.retrieveRecord(required(record), itemCall(call)), call)
          const outcome: RetrieveRecordsResponse['outcome'] = answer ? { $case: 'retrieved', value: answer } : error
          return { response: { itemId, outcome }, bytes: overheadBytes + (answer?.data.length ?? 0) }
        },
      }),
  }
}

function required<T>(record: T | undefined): T {
  if (record === undefined) throw invalidField('record', 'must be set')
  return record
}
