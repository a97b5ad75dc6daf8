// The RPC methods of a front end. Each checks its request, computes the place of the record and calls read/ or write/.

import { pseudonymBytes } from '../../core/envelope-sizes.js'
import { invalidField, VaultError } from '../../core/errors.js'
import type { Methods } from '../../core/methods.js'
import type {
  FrontendServiceServer,
  RetrieveRecordRequest,
  StoreRecordRequest,
} from '../../gen/encserver/v1/frontend.js'
import { parseToken, type RecordKey } from '../crypto/token.js'
import type { RecordName, RecordPlace } from '../keys/record-ids.js'
import { downloadRecord } from '../read/download-record.js'
import { listRecords } from '../read/list-records.js'
import { listVersions } from '../read/list-versions.js'
import { retrieveRecord } from '../read/retrieve-record.js'
import type { Vault } from '../vault/vault.js'
import type { RecordWrite } from '../write/record-write.js'
import { restoreRecord } from '../write/restore-record.js'
import { storeRecord } from '../write/store-record.js'
import { uploadRecord } from '../write/upload-record.js'
import { limitBytes, limitTurns, type RecordCalls } from './limit-calls.js'
import { type ItemFailed, recordStreams } from './record-streams.js'
import {
  checkAttributes,
  checkCallerAad,
  checkExpireTime,
  checkKeepVersions,
  checkKeyId,
  checkName,
  checkPrecondition,
  checkUserId,
  checkVersion,
  dataOf,
} from './validate.js'
import { type WriteKind, writeKindOf } from './write-secrets.js'

/** The methods for records; `itemFailed` is called for each item of a stream that fails. */
export function frontendService(vault: Vault, itemFailed?: ItemFailed): FrontendMethods {
  const records = limitBytes(recordCalls(vault))
  const calls = { ...limitTurns(records), ...versionCalls(vault) }
  // Streams have a turn limiter of their own: many streams with many items each would delay the single calls.
  const streams = { ...recordStreams(limitTurns(records), itemFailed), ...transferCalls(vault) }
  return { ...calls, ...streams, getVaultInfo: async () => ({ keyringId: vault.keyring.keyringId }) }
}

type Calls<Name extends keyof Methods<FrontendServiceServer>> = Pick<Methods<FrontendServiceServer>, Name>

type VersionCalls = Calls<'listRecordVersions' | 'restoreRecord'>
type StreamCalls = Calls<'storeRecords' | 'retrieveRecords' | 'uploadRecord' | 'downloadRecord'>

/** The methods of a front end by which records are stored and read, and its description. */
export type FrontendMethods = RecordCalls & VersionCalls & StreamCalls & Calls<'getVaultInfo'>

function recordCalls(vault: Vault): RecordCalls {
  return {
    async storeRecord(request, call) {
      checkWrite(vault, request)
      const data = dataOf(request, vault.maxRecordBytes)
      const write = writeOf(vault, request)
      return closingSecret(write, () => storeRecord(vault, { ...write, data }, call))
    },

    async retrieveRecord(request, call) {
      checkRead(request)
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

function versionCalls(vault: Vault): VersionCalls {
  return {
    async listRecordVersions(request, call) {
      checkName(request)
      return listVersions(vault, { recordName: request.recordName, ...placeOf(vault, request) }, call)
    },

    async restoreRecord(request, call) {
      checkName(request)
      checkCallerAad(request.callerAad)
      checkPrecondition(request.precondition)
      checkKeepVersions(request.keepVersions)
      checkVersion(request.version)
      checkKeyId('expect_key_id', request.expectKeyId)
      const fields = { ...request, recordKey: request.newRecordKey }
      const kind = writeKindOf(fields, vault.defaultMode, 'new_record_key')
      return closingSecret(kind, () =>
        withToken(request.recordKey, (token) =>
          restoreRecord(vault, { token, request, ...kind, ...placeOf(vault, request) }, call),
        ),
      )
    },
  }
}

function transferCalls(vault: Vault): Calls<'uploadRecord' | 'downloadRecord'> {
  return {
    uploadRecord(requests, call) {
      const check = (header: StoreRecordRequest) => {
        checkWrite(vault, header)
        if (header.data?.length) throw invalidField('header.data', 'must not be set: contents go into chunks')
        return writeOf(vault, header)
      }
      return uploadRecord(vault, { requests, check }, call)
    },

    async *downloadRecord({ record: request, offset, length }, call) {
      if (request === undefined) throw invalidField('record', 'must be set')
      checkRead(request)
      const token = tokenOf(request.recordKey)
      let leaveTransfers: (() => void) | undefined
      try {
        leaveTransfers = vault.transfers.enter(call)
        yield* downloadRecord(vault, { token, request, offset, length, ...placeOf(vault, request) }, call)
      } finally {
        token?.key.close()
        leaveTransfers?.()
      }
    },
  }
}

/** Checks everything but the data and the caller's secret. */
function checkWrite(vault: Vault, request: StoreRecordRequest): void {
  checkName(request)
  checkCallerAad(request.callerAad)
  checkPrecondition(request.precondition)
  checkExpireTime(request.expireTime, vault.clock.forRefusing(), { isRepeat: request.triedMsAgo > 0 })
  checkAttributes(request.attributes)
  checkKeepVersions(request.keepVersions)
}

/** The write of a checked request, whose secret the caller must close. */
function writeOf(vault: Vault, request: StoreRecordRequest): RecordWrite {
  const { user, recordIds } = placeOf(vault, request)
  // Last: nothing after it may throw, as the secret would not be closed.
  return { user, recordId: recordIds[0], request, ...writeKindOf(request, vault.defaultMode) }
}

function checkRead(request: RetrieveRecordRequest): void {
  checkName(request)
  checkCallerAad(request.callerAad)
  checkKeyId('expect_key_id', request.expectKeyId)
}

function placeOf({ ids }: Vault, name: RecordName): RecordPlace {
  const recordIds = ids.records(name)
  return { user: { userId: name.userId, pseudonym: recordIds[0].subarray(0, pseudonymBytes) }, recordIds }
}

/** Calls `work` with the parsed token, and wipes its key afterwards; records of mode `server` have no token. */
async function withToken<T>(recordKey: string, work: (token: RecordKey | undefined) => Promise<T>): Promise<T> {
  const token = tokenOf(recordKey)
  try {
    return await work(token)
  } finally {
    token?.key.close()
  }
}

/** Does the work, and wipes the secret of the caller's write afterwards. */
function closingSecret<T>({ secret }: Pick<WriteKind, 'secret'>, work: () => Promise<T>): Promise<T> {
  return secret === undefined ? work() : work().finally(() => secret.key.close())
}

function tokenOf(recordKey: string): RecordKey | undefined {
  return recordKey === '' ? undefined : parseToken(recordKey)
}
