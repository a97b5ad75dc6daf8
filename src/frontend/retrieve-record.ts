// Opens a record that fits one message.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { RetrieveRecordResponse } from '../gen/encserver/v1/frontend.js'
import { headerSize, openChunks } from './crypto/chunks.js'
import { openStored, type Retrieving } from './open-stored.js'
import type { Vault } from './vault.js'

/** Rejects as `openStored` does, with RECORD_CORRUPT, and with RECORD_TOO_LARGE for a record in parts. */
export async function retrieveRecord(
  vault: Vault,
  retrieving: Retrieving,
  call: CallContext,
): Promise<RetrieveRecordResponse> {
  const { sealed, opened, said } = await openStored(vault, retrieving, call)
  const { keyId, mode, cipher } = opened
  try {
    if (sealed.partCount > 0) throw new VaultError('RECORD_TOO_LARGE')
    const data = openChunks(cipher, sealed.envelope.subarray(headerSize))
    const { version, storeTime } = sealed
    const { recordName } = retrieving.request
    const sizeBytes = BigInt(data.length)
    return { data, record: { recordName, version, keyId, keyMode: mode, sizeBytes, storeTime, ...said } }
  } finally {
    cipher.key.fill(0)
  }
}
