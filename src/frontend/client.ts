// The typed client that other services use.
import type { ChannelConfig } from '../core/client/channel.js'
import { type CallOptions, connect, newCall } from '../core/client/client.js'
import type { RetryPolicy } from '../core/client/retry.js'
import { VaultError } from '../core/errors.js'
import type { Methods } from '../core/methods.js'
import { fromRpcStatus } from '../core/status.js'
import {
  DeleteRecordRequest,
  type DeleteRecordResponse,
  type FrontendServiceServer,
  FrontendServiceService,
  ListRecordsRequest,
  type ListRecordsResponse,
  ListRecordVersionsRequest,
  type ListRecordVersionsResponse,
  type RecordInfo,
  RestoreRecordRequest,
  type RestoreRecordResponse,
  RetrieveRecordRequest,
  type RetrieveRecordResponse,
  StoreRecordRequest,
  type StoreRecordResponse,
} from '../gen/encserver/v1/frontend.js'
import type { Status } from '../gen/google/rpc/status.js'
import { type RequestInput, streamCall, wellFormed } from './client/request-input.js'
import { type TransferClient, transferClient } from './client/transfer-client.js'
import { type LegacyClient, legacyClient } from './legacy/client.js'

export type { ChannelConfig } from '../core/client/channel.js'
export type { CallOptions } from '../core/client/client.js'
export { type FieldViolation, type Kind, type Reason, VaultError } from '../core/errors.js'
export {
  type DeleteRecordResponse,
  type GetLegacyIdResponse,
  type ImportLegacyRecordResponse,
  KeyMode,
  type ListRecordsResponse,
  type ListRecordVersionsResponse,
  type RecordAttributes,
  type RecordInfo,
  type RestoreRecordResponse,
  type RetrieveRecordResponse,
  type StoreRecordResponse,
  type UploadRecordResponse,
} from '../gen/encserver/v1/frontend.js'
export type { RequestInput } from './client/request-input.js'
export type { Download } from './client/resuming-download.js'
export type { Contents } from './client/upload-messages.js'

/** Requests for many records, each with an id of the caller's: 1 to 128 bytes, unique among those in flight. */
export type Items<Request extends { userId: string }> =
  | AsyncIterable<{ itemId: string; record: RequestInput<Request> }>
  | Iterable<{ itemId: string; record: RequestInput<Request> }>

/** The outcome of an item: an answer or an error. */
export type Outcome<Response> = { itemId: string } & (
  | { answer: Response; error?: never }
  | { error: VaultError; answer?: never }
)

/** The typed client of a front end. Every method rejects with VaultError; docs/errors.md has its reasons. */
export interface FrontendClient extends TransferClient, LegacyClient {
  /** Encrypts and stores a record. Keep `recordKey`: it cannot be shown again. */
  storeRecord(request: RequestInput<StoreRecordRequest>, options?: CallOptions): Promise<StoreRecordResponse>
  /** Opens a record that fits one message; RECORD_TOO_LARGE for any other. */
  retrieveRecord(request: RequestInput<RetrieveRecordRequest>, options?: CallOptions): Promise<RetrieveRecordResponse>
  /** Deletes a record with all its versions. */
  deleteRecord(request: RequestInput<DeleteRecordRequest>, options?: CallOptions): Promise<DeleteRecordResponse>
  /** Lists one page of a user's records. */
  listRecords(request: RequestInput<ListRecordsRequest>, options?: CallOptions): Promise<ListRecordsResponse>
  /** Lists the kept versions of a record, the current one first. */
  listRecordVersions(
    request: RequestInput<ListRecordVersionsRequest>,
    options?: CallOptions,
  ): Promise<ListRecordVersionsResponse>
  /**
   * Makes an older version the current one; the answer has the token of the new version. `expectKeyId` pins the version that
   * is restored, `precondition` the one that is replaced. The client never repeats this call.
   */
  restoreRecord(request: RequestInput<RestoreRecordRequest>, options?: CallOptions): Promise<RestoreRecordResponse>
  /** Stores many records on one call, with an outcome for each, in any order. Leaving the loop cancels unanswered items. */
  storeRecords(items: Items<StoreRecordRequest>, options?: CallOptions): AsyncIterable<Outcome<StoreRecordResponse>>
  /** Opens many records on one call, as `storeRecords` stores them. */
  retrieveRecords(
    items: Items<RetrieveRecordRequest>,
    options?: CallOptions,
  ): AsyncIterable<Outcome<RetrieveRecordResponse>>
  /** Lists all records of a user, page by page; throws RECORD_CORRUPT at the end if some of them could not be opened. */
  eachRecord(
    request: RequestInput<ListRecordsRequest>,
    options?: CallOptions,
  ): AsyncGenerator<RecordInfo, void, undefined>
  /** Closes the connections; calls in flight fail. */
  close(): void
}

/** Connects lazily to the front end; throws INVALID_REQUEST for settings that would expose requests. */
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
    listRecordVersions: async (request, options) =>
      methods.listRecordVersions(ListRecordVersionsRequest.create(wellFormed(request)), newCall(options)),
    restoreRecord: async (request, options) =>
      methods.restoreRecord(RestoreRecordRequest.create(wellFormed(request)), newCall(options)),
    storeRecords: (items, options) => outcomes(methods.storeRecords(storeItems(items), streamCall(options))),
    retrieveRecords: (items, options) => outcomes(methods.retrieveRecords(retrieveItems(items), streamCall(options))),
    ...transferClient(methods),
    ...legacyClient(methods),
    listRecords,
    eachRecord: (request, options) => eachRecord(listRecords, request, options),
    close,
  }
}

async function* storeItems(items: Items<StoreRecordRequest>) {
  for await (const { itemId, record } of items) {
    yield { itemId, record: StoreRecordRequest.create(wellFormed(record)) }
  }
}

async function* retrieveItems(items: Items<RetrieveRecordRequest>) {
  for await (const { itemId, record } of items) {
    yield { itemId, record: RetrieveRecordRequest.create(wellFormed(record)) }
  }
}

type ItemResponse<Response> = {
  itemId: string
  outcome: { $case: 'stored' | 'retrieved'; value: Response } | { $case: 'error'; value: Status } | undefined
}

async function* outcomes<Response>(
  responses: AsyncIterable<ItemResponse<Response>>,
): AsyncGenerator<Outcome<Response>> {
  for await (const { itemId, outcome } of responses) {
    if (outcome === undefined) yield { itemId, error: new VaultError('INTERNAL') }
    else if (outcome.$case === 'error') yield { itemId, error: fromRpcStatus(outcome.value) }
    else yield { itemId, answer: outcome.value }
  }
}

async function* eachRecord(
  listRecords: FrontendClient['listRecords'],
  request: RequestInput<ListRecordsRequest>,
  options?: CallOptions,
) {
  let pageToken = request.pageToken ?? ''
  let unreadable = 0
  do {
    const page = await listRecords({ ...request, pageToken }, options)
    yield* page.records
    unreadable += page.unreadableCount
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  if (unreadable > 0)
    throw new VaultError('RECORD_CORRUPT', { message: `${unreadable} records of the list cannot be opened` })
}

type MethodName = keyof Methods<FrontendServiceServer>
const writes = new Set<MethodName>(['storeRecord', 'deleteRecord', 'restoreRecord', 'importLegacyRecord'])

// A store without a precondition may be repeated: a second one makes a newer version of the same record. With a
// precondition, the repeated call would fail because of its prior attempt. A repeated restore may fail too, because the
// prior attempt may have removed the version that it names.
function retryPolicy(request: unknown, method: MethodName): RetryPolicy {
  const { precondition } = request as Partial<StoreRecordRequest>
  return { idempotent: precondition === undefined && method !== 'restoreRecord', write: writes.has(method) }
}
