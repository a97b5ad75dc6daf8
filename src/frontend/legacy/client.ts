// The typed client's calls for records of the earlier services.
import { type CallOptions, newCall } from '../../core/client/client.js'
import type { Methods } from '../../core/methods.js'
import {
  type FrontendServiceServer,
  GetLegacyIdRequest,
  type GetLegacyIdResponse,
  ImportLegacyRecordRequest,
  type ImportLegacyRecordResponse,
  type KeyMode,
} from '../../gen/encserver/v1/frontend.js'
import { type RequestInput, requestMaker } from '../client/request-input.js'
import { giveSecret, keepingSecret } from '../client/write-secrets.js'

/** The part of the typed client that imports records of the earlier services. */
export interface LegacyClient {
  /** Opens a record of the earlier services and stores it; keep `recordKey`, it cannot be shown again. */
  importLegacyRecord(
    request: RequestInput<ImportLegacyRecordRequest>,
    options?: CallOptions,
  ): Promise<ImportLegacyRecordResponse>
  /** The id under which the earlier services kept a user's record. */
  getLegacyId(request: RequestInput<GetLegacyIdRequest>, options?: CallOptions): Promise<GetLegacyIdResponse>
}

const importRequest = requestMaker(ImportLegacyRecordRequest)
const legacyIdRequest = requestMaker(GetLegacyIdRequest)

/** The typed client's legacy calls over a connection's methods. */
export function legacyClient(methods: Methods<FrontendServiceServer>, keyMode: KeyMode): LegacyClient {
  return {
    importLegacyRecord: async (request, options) => {
      const write = importRequest(request)
      const secret = giveSecret(write, 'recordKey', keyMode)
      return keepingSecret(secret, () => methods.importLegacyRecord(write, newCall(options)))
    },
    getLegacyId: async (request, options) => methods.getLegacyId(legacyIdRequest(request), newCall(options)),
  }
}
