// The typed client's uploads and downloads.
import type { CallOptions } from '../../core/client/client.js'
import { anything, argumentOf, uint64 } from '../../core/client/field-checks.js'
import type { Methods } from '../../core/methods.js'
import {
  type FrontendServiceServer,
  type KeyMode,
  RetrieveRecordRequest,
  StoreRecordRequest,
  type UploadRecordResponse,
} from '../../gen/encserver/v1/frontend.js'
import { checkIterable, type RequestInput, requestMaker, streamCall } from './request-input.js'
import { type Download, openDownload } from './resuming-download.js'
import { type Contents, uploadMessages } from './upload-messages.js'
import { giveSecret, keepingSecret } from './write-secrets.js'

/** The part of the typed client that transfers records of any size. */
export interface TransferClient {
  /**
   * Stores a record of any size, read piece by piece as the server accepts it; a source that throws cancels the upload. The
   * client never repeats an upload, as a source can be read only once. OUTCOME_UNKNOWN if the connection broke after all
   * was sent: upload the same contents again with the `recordKey` of `triedWrite(error)`, which is the same write.
   */
  uploadRecord(
    request: RequestInput<Omit<StoreRecordRequest, 'data'>>,
    source: Contents,
    options?: CallOptions,
  ): Promise<UploadRecordResponse>
  /**
   * Opens a record of any size. A download resumes after its connection broke; RECORD_REPLACED if the record was replaced
   * meanwhile.
   */
  downloadRecord(
    request: { record: RequestInput<RetrieveRecordRequest>; offset?: bigint; length?: bigint },
    options?: CallOptions,
  ): Promise<Download>
}

const uploadHeader = requestMaker(StoreRecordRequest, { without: ['data'] })
const checkRange = argumentOf({ record: anything, offset: uint64, length: uint64 })
const retrieveRequest = requestMaker(RetrieveRecordRequest)

/** The typed client's uploads and downloads over a connection's methods. */
export function transferClient(methods: Methods<FrontendServiceServer>, keyMode: KeyMode): TransferClient {
  return {
    uploadRecord: async (request, source, options) => {
      const header = uploadHeader(request)
      checkIterable('source', source)
      const secret = giveSecret(header, 'recordKey', keyMode)
      return keepingSecret(secret, () => methods.uploadRecord(uploadMessages(header, source), streamCall(options)))
    },
    downloadRecord: async (request, options) => {
      checkRange('request', request)
      const { record, offset = 0n, length = 0n } = request
      const range = { record: retrieveRequest(record, 'record'), offset, length }
      return openDownload(methods.downloadRecord, range, streamCall(options))
    },
  }
}
