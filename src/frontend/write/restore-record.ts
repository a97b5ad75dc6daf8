// Makes a kept version the current one: opened as a download opens it, stored as an upload stores it, so that its size
// does not matter.

import { linkedSignal } from '../../core/abort.js'
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type { RestoreRecordRequest, RestoreRecordResponse } from '../../gen/encserver/v1/frontend.js'
import type { Mode } from '../crypto/envelope.js'
import type { RecordKey } from '../crypto/token.js'
import type { OnePerKey } from '../keys/record-ids.js'
import type { User } from '../keys/user-key-source.js'
import { ciphertextSource } from '../read/ciphertext-source.js'
import { openStoredRecord } from '../read/open-record.js'
import { recordReader } from '../read/record-reader.js'
import type { Vault } from '../vault/vault.js'
import { storeContents } from './store-contents.js'

/** A checked request and where its record lies. */
export interface Restoring {
  user: User
  /** The first is where the new version goes. */
  recordIds: OnePerKey
  token: RecordKey | undefined
  /** Of the new version. */
  mode: Mode
  request: RestoreRecordRequest
}

/** Rejects as `downloadRecord` and `uploadRecord` do; a version in parts takes the room of a transfer. */
export async function restoreRecord(
  vault: Vault,
  { mode, ...restoring }: Restoring,
  call: CallContext,
): Promise<RestoreRecordResponse> {
  const { user, recordIds, request } = restoring
  const stored = await openStoredRecord(vault, restoring, call)
  const { cipher } = stored.opened
  const reading = linkedSignal(call.signal)
  let contents: AsyncGenerator<Buffer> | undefined
  let leave: (() => void) | undefined
  try {
    if (stored.sealed.partCount > 0) leave = vault.transfers.enter()
    const { size, read } = await recordReader({ body: ciphertextSource(vault, restoring, stored), cipher }, call)
    contents = read({ from: 0, to: size }, { ...call, signal: reading.signal })
    const again = { ...request, ...stored.said, data: noBytes }
    return await storeContents(vault, { user, recordId: recordIds[0], mode, request: again, contents }, call)
  } catch (error) {
    throw isExpiry(error) ? new VaultError('RECORD_NOT_FOUND', { cause: error }) : error
  } finally {
    reading.leave()
    reading.abort(undefined) // a store that failed wants no more
    cipher.key.fill(0)
    // What is being read has its place until it ends; how it ends is of no interest any more.
    void Promise.resolve(contents?.return(undefined))
      .catch(() => undefined)
      .finally(leave)
  }
}

/** The version has expired by the back end's clock: the caller of a restore gave no time that could be wrong. */
function isExpiry(error: unknown): boolean {
  return error instanceof VaultError && error.fields.some(({ field }) => field === 'expire_time')
}
