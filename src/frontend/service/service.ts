// The front end's methods: check the request, find its place, do it.

import { cancelledBy } from '../../core/client/retry.js'
import { invalidField, VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import { turnLimiter } from '../../core/turn-limiter.js'
import type {
  FrontendServiceServer,
  RetrieveRecordRequest,
  StoreRecordRequest,
} from '../../gen/encserver/v1/frontend.js'
import { pseudonymSize } from '../crypto/pseudonym.js'
import { parseToken, type RecordKey } from '../crypto/token.js'
import type { OnePerKey } from '../keys/record-ids.js'
import type { User } from '../keys/user-key-source.js'
import { downloadRecord } from '../read/download-record.js'
import { listRecords } from '../read/list-records.js'
import { listVersions } from '../read/list-versions.js'
import { retrieveRecord } from '../read/retrieve-record.js'
import type { Vault } from '../vault/vault.js'
import { restoreRecord } from '../write/restore-record.js'
import { type Storing, storeRecord } from '../write/store-record.js'
import { uploadRecord } from '../write/upload-record.js'
import { type ItemFailed, recordStreams } from './record-streams.js'
import {
  checkAttributes,
  checkCallerAad,
  checkData,
  checkExpireTime,
  checkKeepVersions,
  checkKeyId,
  checkName,
  checkPrecondition,
  checkUserId,
  checkVersion,
  modeOf,
} from './validate.js'

/** The methods for records; `itemFailed` is called for each item of a stream that fails. */
export function frontendService(vault: Vault, itemFailed?: ItemFailed): FrontendMethods {
  const records = recordCalls(vault)
  const calls = { ...paced(records), ...versionCalls(vault) }
  // A pace of their own: many streams with many items each would keep calls waiting.
  const streams = { ...recordStreams(paced(records), itemFailed), ...transferCalls(vault) }
  return { ...calls, ...streams }
}

type Calls<Name extends keyof Methods<FrontendServiceServer>> = Pick<Methods<FrontendServiceServer>, Name>

type RecordCalls = Calls<'storeRecord' | 'retrieveRecord' | 'deleteRecord' | 'listRecords'>
type VersionCalls = Calls<'listRecordVersions' | 'restoreRecord'>
type StreamCalls = Calls<'storeRecords' | 'retrieveRecords' | 'uploadRecord' | 'downloadRecord'>

/** The methods of a front end by which records are stored and read. */
export type FrontendMethods = RecordCalls & VersionCalls & StreamCalls

function recordCalls(vault: Vault): RecordCalls {
  return {
    async storeRecord(request, call) {
      checkData(request.data, vault.maxRecordBytes)
      return storeRecord(vault, storingOf(vault, request), call)
    },

    async retrieveRecord(request, call) {
      checkRetrieve(request)
      return withToken(request.recordKey, (token) =>
        retrieveRecord(vault, { token, request, ...placeOf(vault, request) }, call),
      )
    },

    async deleteRecord(request, call) {
      checkName(request)
      checkKeyId('expect_key_id', request.expectKeyId)
      const { expectKeyId, allowMissing } = request
      const { recordIds } = placeOf(vault, request)
      const { deleted } = await vault.backend.deleteEnvelope({ recordIds, expectKeyId }, call)
      if (!deleted && !allowMissing) throw new VaultError('RECORD_NOT_FOUND')
      return { deleted }
    },

    async listRecords(request, call) {
      checkUserId(request.userId)
      return listRecords(vault, request, call)
    },
  }
}

/** Of records that come together some are begun in each turn, so that their batches leave one after the other. */
function paced(calls: RecordCalls): RecordCalls {
  const { turn } = turnLimiter()
  const inTurn = <Request, Response>(method: (request: Request, call: CallContext) => Promise<Response>) => {
    return async (request: Request, call: CallContext) => {
      const later = turn()
      if (later !== undefined) await later
      if (call.signal.aborted) throw cancelledBy(call.signal)
      return method(request, call)
    }
  }
  return { ...calls, storeRecord: inTurn(calls.storeRecord), retrieveRecord: inTurn(calls.retrieveRecord) }
}

function versionCalls(vault: Vault): VersionCalls {
  return {
    async listRecordVersions(request, call) {
      checkName(request)
      return listVersions(vault, { request, ...placeOf(vault, request) }, call)
    },

    async restoreRecord(request, call) {
      checkName(request)
      checkCallerAad(request.callerAad)
      checkPrecondition(request.precondition)
      checkKeepVersions(request.keepVersions)
      checkVersion(request.version)
      checkKeyId('expect_key_id', request.expectKeyId)
      const mode = modeOf(request.keyMode, vault.defaultMode)
      return withToken(request.recordKey, (token) =>
        restoreRecord(vault, { token, mode, request, ...placeOf(vault, request) }, call),
      )
    },
  }
}

function transferCalls(vault: Vault): Calls<'uploadRecord' | 'downloadRecord'> {
  return {
    uploadRecord: (requests, call) =>
      uploadRecord(vault, { requests, check: (header) => storingOf(vault, withoutData(header)) }, call),

    async *downloadRecord({ record: request, offset, length }, call) {
      if (request === undefined) throw invalidField('record', 'must be set')
      checkRetrieve(request)
      const token = tokenOf(request.recordKey)
      let leave: (() => void) | undefined
      try {
        leave = vault.transfers.enter()
        yield* downloadRecord(vault, { token, request, offset, length, ...placeOf(vault, request) }, call)
      } finally {
        token?.key.close()
        leave?.()
      }
    },
  }
}

/** What there is to store, of a checked request. */
function storingOf(vault: Vault, request: StoreRecordRequest): Storing {
  checkName(request)
  checkCallerAad(request.callerAad)
  checkPrecondition(request.precondition)
  checkExpireTime(request.expireTime, vault.clock.forRefusing())
  checkAttributes(request.attributes)
  checkKeepVersions(request.keepVersions)
  const mode = modeOf(request.keyMode, vault.defaultMode)
  const { user, recordIds } = placeOf(vault, request)
  return { user, recordId: recordIds[0], mode, request }
}

function withoutData(header: StoreRecordRequest): StoreRecordRequest {
  if (header.data.length > 0) throw invalidField('header.data', 'must be empty: contents go into chunks')
  return header
}

function checkRetrieve(request: RetrieveRecordRequest): void {
  checkName(request)
  checkCallerAad(request.callerAad)
  checkKeyId('expect_key_id', request.expectKeyId)
}

interface Place {
  user: User
  /** One for each live pseudonym key; what is written goes to the first. */
  recordIds: OnePerKey
}

function placeOf({ ids }: Vault, request: { userId: string; recordName: string }): Place {
  const recordIds = ids.records(request)
  return { user: { userId: request.userId, pseudonym: recordIds[0].subarray(0, pseudonymSize) }, recordIds }
}

/** Lends the key of a request's token, and wipes it; a request for a record of mode `server` has none. */
async function withToken<T>(recordKey: string, work: (token: RecordKey | undefined) => Promise<T>): Promise<T> {
  const token = tokenOf(recordKey)
  try {
    return await work(token)
  } finally {
    token?.key.close()
  }
}

function tokenOf(recordKey: string): RecordKey | undefined {
  return recordKey === '' ? undefined : parseToken(recordKey)
}
