// The front end's methods: check the request, find its place, do it.
import { VaultError } from '../core/errors.js'
import type { Methods } from '../core/methods.js'
import type { FrontendServiceServer } from '../gen/encserver/v1/frontend.js'
import { pseudonymSize } from './crypto/pseudonym.js'
import { parseToken } from './crypto/token.js'
import { legacyCalls } from './legacy-calls.js'
import { listRecords } from './list-records.js'
import { type ItemFailed, recordStreams } from './record-streams.js'
import { retrieveRecord } from './retrieve-record.js'
import { storeRecord } from './store-record.js'
import type { User } from './user-key-source.js'
import { checkCallerAad, checkData, checkKeyId, checkName, checkPrecondition, checkUserId, modeOf } from './validate.js'
import type { Vault } from './vault.js'

/** All methods; `itemFailed` is told of the items of streams that fail. */
export function frontendService(vault: Vault, itemFailed?: ItemFailed): Methods<FrontendServiceServer> {
  const calls = frontendCalls(vault)
  return { ...calls, ...recordStreams(calls, itemFailed), ...legacyCalls(vault, calls), ...notYetCalls }
}

const notYet = () => Promise.reject(new VaultError('NOT_SUPPORTED'))
const notYetCalls = {
  uploadRecord: notYet,
  async *downloadRecord(): AsyncGenerator<never> {
    yield await notYet()
  },
  listRecordVersions: notYet,
  restoreRecord: notYet,
}

type Calls = Pick<Methods<FrontendServiceServer>, 'storeRecord' | 'retrieveRecord' | 'deleteRecord' | 'listRecords'>

function frontendCalls(vault: Vault): Calls {
  const { ids } = vault
  return {
    async storeRecord(request, call) {
      checkName(request)
      checkData(request.data, vault.maxRecordBytes)
      checkCallerAad(request.callerAad)
      checkPrecondition(request.precondition)
      const mode = modeOf(request.keyMode, vault.defaultMode)
      const [recordId] = ids.records(request) as [Buffer]
      return storeRecord(vault, { user: userOf(request.userId, recordId), recordId, mode, request }, call)
    },

    async retrieveRecord(request, call) {
      checkName(request)
      checkCallerAad(request.callerAad)
      checkKeyId('expect_key_id', request.expectKeyId)
      const token = request.recordKey === '' ? undefined : parseToken(request.recordKey)
      try {
        const recordIds = ids.records(request) as [Buffer, ...Buffer[]]
        return await retrieveRecord(
          vault,
          { user: userOf(request.userId, recordIds[0]), recordIds, token, request },
          call,
        )
      } finally {
        token?.key.close()
      }
    },

    async deleteRecord(request, call) {
      checkName(request)
      checkKeyId('expect_key_id', request.expectKeyId)
      const { expectKeyId, allowMissing } = request
      const { deleted } = await vault.backend.deleteEnvelope({ recordIds: ids.records(request), expectKeyId }, call)
      if (!deleted && !allowMissing) throw new VaultError('RECORD_NOT_FOUND')
      return { deleted }
    },

    async listRecords(request, call) {
      checkUserId(request.userId)
      return listRecords(vault, request, call)
    },
  }
}

function userOf(userId: string, recordId: Buffer): User {
  return { userId, pseudonym: recordId.subarray(0, pseudonymSize) }
}
