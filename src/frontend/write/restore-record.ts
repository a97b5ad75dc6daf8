// Makes a kept version the current one. It reads the version as a download does and stores it as an upload does, so that
// records of any size can be restored.

import { linkedSignal } from '../../core/concurrency/abort.js'
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type { RestoreRecordRequest, RestoreRecordResponse } from '../../gen/encserver/v1/frontend.js'
import type { Mode } from '../crypto/envelope.js'
import { ciphertextSource } from '../read/ciphertext-source.js'
import { openStoredRecord, type RecordRead } from '../read/open-record.js'
import { recordReader } from '../read/record-reader.js'
import type { Vault } from '../vault/vault.js'
import { storeContents } from './store-contents.js'

/** A checked request to restore a version, and the place of the record. */
export interface RecordRestore extends RecordRead {
  /** The mode of the new version. */
  mode: Mode
  request: RestoreRecordRequest
}

/** Rejects as `downloadRecord` and `uploadRecord` do; a version in parts counts as a transfer. */
export async function restoreRecord(
  vault: Vault,
  restore: RecordRestore,
  call: CallContext,
): Promise<RestoreRecordResponse> {
  const { user, recordIds, mode, request } = restore
  const stored = await openStoredRecord(vault, restore, call)
  const { cipher } = stored.opened
  const reading = linkedSignal(call.signal)
  let contents: AsyncGenerator<Buffer> | undefined
  let leaveTransfers: (() => void) | undefined
  try {
    if (stored.sealed.partCount > 0) leaveTransfers = vault.transfers.enter()
    const { size, read } = await recordReader({ source: ciphertextSource(vault, restore, stored), cipher }, call)
    contents = read({ from: 0, to: size }, { ...call, signal: reading.signal })
    const write = { user, recordId: recordIds[0], mode, request: { ...request, ...stored.attributes, data: noBytes } }
    return await storeContents(vault, { write, contents }, call)
  } catch (error) {
    throw isExpiry(error) ? new VaultError('RECORD_NOT_FOUND', { cause: error }) : error
  } finally {
    reading.leave()
    reading.abort(undefined) // a store that failed reads no further
    cipher.key.fill(0)
    // A read still under way counts as a transfer until it ends; its outcome does not matter any more.
    void Promise.resolve(contents?.return(undefined))
      .catch(() => undefined)
      .finally(leaveTransfers)
  }
}

/** True if the version has expired by the back end's clock: the caller of a restore gave no time that could be wrong. */
function isExpiry(error: unknown): boolean {
  return error instanceof VaultError && error.fields.some(({ field }) => field === 'expire_time')
}
