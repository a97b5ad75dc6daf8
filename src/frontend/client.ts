// The typed client that other services use. Text that is not well formed is refused before it is encoded: the encoder
// would turn every lone surrogate into U+FFFD, and two ids into one.
import type { ChannelConfig } from '../core/channel.js'
import { type CallOptions, connect, newCall } from '../core/client.js'
import { invalidField } from '../core/errors.js'
import type { Methods } from '../core/methods.js'
import type { RetryPolicy } from '../core/retry.js'
import {
  DeleteRecordRequest,
  type DeleteRecordResponse,
  type FrontendServiceServer,
  FrontendServiceService,
  ListRecordsRequest,
  type ListRecordsResponse,
  type RecordInfo,
  RetrieveRecordRequest,
  type RetrieveRecordResponse,
  StoreRecordRequest,
  type StoreRecordResponse,
} from '../gen/encserver/v1/frontend.js'

export type { ChannelConfig } from '../core/channel.js'
export type { CallOptions } from '../core/client.js'
export { type FieldViolation, type Kind, type Reason, VaultError } from '../core/errors.js'
export {
  type DeleteRecordResponse,
  KeyMode,
  type ListRecordsResponse,
  type RecordInfo,
  type RetrieveRecordResponse,
  type StoreRecordResponse,
} from '../gen/encserver/v1/frontend.js'

/** A request of which only `userId` must be given. */
export type Given<Request extends { userId: string }> = Partial<Request> & Pick<Request, 'userId'>

/** Every method rejects with VaultError; see docs/errors.md for its reasons. */
export interface FrontendClient {
  /** Encrypts and stores; keep `recordKey`, it cannot be shown again. */
  storeRecord(request: Given<StoreRecordRequest>, options?: CallOptions): Promise<StoreRecordResponse>
  retrieveRecord(request: Given<RetrieveRecordRequest>, options?: CallOptions): Promise<RetrieveRecordResponse>
  deleteRecord(request: Given<DeleteRecordRequest>, options?: CallOptions): Promise<DeleteRecordResponse>
  /** One page. */
  listRecords(request: Given<ListRecordsRequest>, options?: CallOptions): Promise<ListRecordsResponse>
  /** All records of a user, page after page. */
  eachRecord(request: Given<ListRecordsRequest>, options?: CallOptions): AsyncGenerator<RecordInfo, void, undefined>
  close(): void
}

/** Connects lazily to the front end; throws INVALID_REQUEST for settings that would expose what is sent. */
export function frontendClient(config: ChannelConfig): FrontendClient {
  const { methods, close } = connect<FrontendServiceServer>(FrontendServiceService, config, retryPolicy)
  const listRecords: FrontendClient['listRecords'] = async (request, options) =>
    methods.listRecords(ListRecordsRequest.create(wellFormed(request)), newCall(options))
  return {
    storeRecord: async (request, options) =>
      methods.storeRecord(StoreRecordRequest.create(wellFormed(request)), newCall(options)),
    retrieveRecord: async (request, options) =>
      methods.retrieveRecord(RetrieveRecordRequest.create(wellFormed(request)), newCall(options)),
    deleteRecord: async (request, options) =>
      methods.deleteRecord(DeleteRecordRequest.create(wellFormed(request)), newCall(options)),
    listRecords,
    eachRecord: (request, options) => eachRecord(listRecords, request, options),
    close,
  }
}

async function* eachRecord(
  listRecords: FrontendClient['listRecords'],
  request: Given<ListRecordsRequest>,
  options?: CallOptions,
) {
  let pageToken = request.pageToken ?? ''
  do {
    const page = await listRecords({ ...request, pageToken }, options)
    yield* page.records
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}

const writes: Partial<Record<keyof Methods<FrontendServiceServer>, true>> = { storeRecord: true, deleteRecord: true }

// A store without a precondition may be made twice: the later one is a newer version of the same. With a precondition
// the second would fail because of the first.
function retryPolicy(request: unknown, method: keyof Methods<FrontendServiceServer>): RetryPolicy {
  const { precondition } = request as Partial<StoreRecordRequest>
  return { safe: precondition === undefined, write: writes[method] ?? false }
}

const protoNames: Record<string, string> = {
  userId: 'user_id',
  recordName: 'record_name',
  recordKey: 'record_key',
  pageToken: 'page_token',
}

function wellFormed<Request extends object>(request: Request): Request {
  for (const [name, value] of Object.entries(request)) {
    if (typeof value !== 'string' || value.isWellFormed()) continue
    throw invalidField(protoNames[name] ?? name, 'is not well-formed text: it has a lone surrogate')
  }
  return request
}
