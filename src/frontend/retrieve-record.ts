// Opens a record that fits one message.
import type { CallContext } from '../core/methods.js'
import type { RetrieveRecordResponse } from '../gen/encserver/v1/frontend.js'
import { headerSize, openChunks } from './crypto/chunks.js'
import { openStored, type Retrieving } from './open-stored.js'
import type { Vault } from './vault.js'

/** Rejects as `openStored` does, and with RECORD_CORRUPT. */
export async function retrieveRecord(
  vault: Vault,
  retrieving: Retrieving,
  call: CallContext,
): Promise<RetrieveRecordResponse> {
  const { sealed, opened } = await openStored(vault, retrieving, call)
  const { keyId, mode, cipher } = opened
  try {
    const data = openChunks(cipher, sealed.envelope.subarray(headerSize))
    const { version, storeTime } = sealed
    const { recordName } = retrieving.request
    const sizeBytes = BigInt(data.length)
    const record = { recordName, version, keyId, keyMode: mode, sizeBytes, storeTime }
    return { data, record: { ...record, expireTime: undefined, attributes: undefined } }
  } finally {
    cipher.key.fill(0)
  }
}
