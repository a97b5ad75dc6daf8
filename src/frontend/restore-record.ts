// Makes a kept version the current one: opened as a retrieve opens it, stored as a store stores it.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { RestoreRecordRequest, RestoreRecordResponse } from '../gen/encserver/v1/frontend.js'
import type { Mode } from './crypto/envelope.js'
import type { RecordKey } from './crypto/token.js'
import { retrieveRecord } from './retrieve-record.js'
import { storeRecord } from './store-record.js'
import type { User } from './user-key-source.js'
import type { Vault } from './vault.js'

/** A checked request and where its record lies. */
export interface Restoring {
  user: User
  /** The first is where the new version goes. */
  recordIds: [Buffer, ...Buffer[]]
  token: RecordKey | undefined
  /** Of the new version. */
  mode: Mode
  request: RestoreRecordRequest
}

/** Rejects as `retrieveRecord` and `storeRecord` do. */
export async function restoreRecord(
  vault: Vault,
  { user, recordIds, token, mode, request }: Restoring,
  call: CallContext,
): Promise<RestoreRecordResponse> {
  const kept = { ...request, expectKeyId: Buffer.alloc(0) }
  const { data, record } = await retrieveRecord(vault, { user, recordIds, token, request: kept }, call)
  const said = { expireTime: record?.expireTime, attributes: record?.attributes }
  try {
    return await storeRecord(
      vault,
      { user, recordId: recordIds[0], mode, request: { ...request, ...said, data } },
      call,
    )
  } catch (error) {
    throw isExpiry(error) ? new VaultError('RECORD_NOT_FOUND', { cause: error }) : error
  }
}

/** The version has expired since it was opened, or by the back end's clock; the caller gave no time that could be wrong. */
function isExpiry(error: unknown): boolean {
  return error instanceof VaultError && error.fields.some(({ field }) => field === 'expire_time')
}
