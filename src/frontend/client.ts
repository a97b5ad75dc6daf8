// The typed client that other services use.
import type { ChannelConfig } from '../core/client/channel.js'
import { type CallOptions, connect, newCall } from '../core/client/client.js'
import { type RetryPolicy, repeatableWrite } from '../core/client/retry.js'
import { VaultError } from '../core/errors.js'
import type { Methods } from '../core/methods.js'
import { fromRpcStatus } from '../core/status.js'
import {
  DeleteRecordRequest,
  type DeleteRecordResponse,
  type FrontendServiceServer,
  FrontendServiceService,
  type GetVaultInfoResponse,
  KeyMode,
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
import { checkedItems, type RequestInput, requestMaker, streamCall } from './client/request-input.js'
import { type TransferClient, transferClient } from './client/transfer-client.js'
import { giveSecret, keepingSecret, keepTried, keepTriedItems, type TriedWrite } from './client/write-secrets.js'
import { type LegacyClient, legacyClient } from './legacy/client.js'

export type { ChannelConfig } from '../core/client/channel.js'
export type { CallOptions } from '../core/client/client.js'
export { type FieldViolation, type Kind, type Reason, VaultError } from '../core/errors.js'
export {
  type DeleteRecordResponse,
  type GetLegacyIdResponse,
  type GetVaultInfoResponse,
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
export { newRecordKey, type TokenKeyMode, type TriedWrite, triedWrite, triedWrites } from './client/write-secrets.js'

/** Requests for many records, each with an id of the caller's: 1 to 128 bytes, unique among those in flight. */
export type Items<Request extends { userId: string }> =
  | AsyncIterable<{ itemId: string; record: RequestInput<Request> }>
  | Iterable<{ itemId: string; record: RequestInput<Request> }>

/** The outcome of an item: an answer or an error. */
export type Outcome<Response> = { itemId: string } & (
  | { answer: Response; error?: never }
  | { error: VaultError; answer?: never }
)

/** How to reach a front end, and how to store records there. */
export interface FrontendClientConfig extends ChannelConfig {
  /** The mode of writes that name none; split by default. */
  keyMode?: KeyMode
}

/**
 * The typed client of a front end. Every method rejects with VaultError; docs/errors.md has its reasons. Every write has a
 * secret of the caller or of this client, which a repeat after a broken connection uses again: it makes no second version.
 * After a failure, `triedWrite(error)` has the record key that was tried, which opens the record if the write took effect.
 */
export interface FrontendClient extends TransferClient, LegacyClient {
  /** Encrypts and stores a record. Keep `recordKey`: it cannot be shown again. `newRecordKey` makes one before the call. */
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
  /** Tells which vault the front end serves. */
  getVaultInfo(options?: CallOptions): Promise<GetVaultInfoResponse>
  /** Closes the connections; calls in flight fail. */
  close(): void
}

const storeRequest = requestMaker(StoreRecordRequest)
const retrieveRequest = requestMaker(RetrieveRecordRequest)
const deleteRequest = requestMaker(DeleteRecordRequest)
const listRequest = requestMaker(ListRecordsRequest)
const versionsRequest = requestMaker(ListRecordVersionsRequest)
const restoreRequest = requestMaker(RestoreRecordRequest)

/** Connects lazily to the front end; throws INVALID_REQUEST for settings that would expose requests. */
export function frontendClient(config: FrontendClientConfig): FrontendClient {
  const { keyMode = KeyMode.KEY_MODE_SPLIT } = config
  const { methods, close } = connect<FrontendServiceServer>(FrontendServiceService, config, retryPolicy)
  const listRecords: FrontendClient['listRecords'] = async (request, options) =>
    methods.listRecords(listRequest(request), newCall(options))
  return {
    storeRecord: async (request, options) => {
      const write = storeRequest(request)
      const secret = giveSecret(write, 'recordKey', keyMode)
      return keepingSecret(secret, () => methods.storeRecord(write, newCall(options)))
    },
    retrieveRecord: async (request, options) => methods.retrieveRecord(retrieveRequest(request), newCall(options)),
    deleteRecord: async (request, options) => methods.deleteRecord(deleteRequest(request), newCall(options)),
    listRecordVersions: async (request, options) =>
      methods.listRecordVersions(versionsRequest(request), newCall(options)),
    restoreRecord: async (request, options) => {
      const write = restoreRequest(request)
      const secret = giveSecret(write, 'newRecordKey', keyMode)
      return keepingSecret(secret, () => methods.restoreRecord(write, newCall(options)))
    },
    storeRecords: (items, options) => {
      const unanswered = new Map<string, TriedWrite>()
      const requests = storeItems(items, (itemId, write) =>
        unanswered.set(itemId, giveSecret(write, 'recordKey', keyMode)),
      )
      return keepingItems(outcomes(methods.storeRecords(requests, streamCall(options))), unanswered)
    },
    retrieveRecords: (items, options) => outcomes(methods.retrieveRecords(retrieveItems(items), streamCall(options))),
    ...transferClient(methods, keyMode),
    ...legacyClient(methods, keyMode),
    listRecords,
    getVaultInfo: async (options) => methods.getVaultInfo({}, newCall(options)),
    eachRecord: (request, options) => eachRecord(listRecords, request, options),
    close,
  }
}

async function* storeItems(
  items: Items<StoreRecordRequest>,
  give: (itemId: string, write: StoreRecordRequest) => void,
) {
  for await (const { itemId, record } of checkedItems(items)) {
    const write = storeRequest(record, 'record')
    give(itemId, write)
    yield { itemId, record: write }
  }
}

/** The same outcomes; their errors, and the error of the stream, keep the secrets that were tried. */
async function* keepingItems(
  answers: AsyncIterable<Outcome<StoreRecordResponse>>,
  unanswered: Map<string, TriedWrite>,
): AsyncGenerator<Outcome<StoreRecordResponse>> {
  try {
    for await (const outcome of answers) {
      const secret = unanswered.get(outcome.itemId)
      unanswered.delete(outcome.itemId)
      if (outcome.error && secret) keepTried(outcome.error, secret)
      yield outcome
    }
  } catch (error) {
    keepTriedItems(error, unanswered)
    throw error
  }
}

async function* retrieveItems(items: Items<RetrieveRecordRequest>) {
  for await (const { itemId, record } of checkedItems(items)) {
    yield { itemId, record: retrieveRequest(record, 'record') }
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

// A restore is not repeated: its prior attempt may have removed the version that it names.
function retryPolicy(request: unknown, method: MethodName): RetryPolicy {
  if (method === 'storeRecord' || method === 'importLegacyRecord') return repeatableWrite(request as StoreRecordRequest)
  if (method === 'restoreRecord') return { idempotent: false, write: true }
  return { idempotent: true, write: method === 'deleteRecord' }
}
