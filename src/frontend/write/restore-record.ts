// Makes a kept version the current one. It reads the version as a download does and stores it as an upload does, so that
// records of any size can be restored.

import { linkedSignal } from '../../core/concurrency/abort.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import {
  type RestoreRecordRequest,
  type RestoreRecordResponse,
  StoreRecordRequest,
} from '../../gen/encserver/v1/frontend.js'
import type { Mode } from '../crypto/envelope.js'
import { type RunningDigest, runningDigest } from '../crypto/running-digest.js'
import type { WriteSecret } from '../crypto/write-secret.js'
import { ciphertextSource } from '../read/ciphertext-source.js'
import { openStoredRecord, type RecordRead, type StoredRecord } from '../read/open-record.js'
import { recordReader } from '../read/record-reader.js'
import type { Vault } from '../vault/vault.js'
import type { RecordWrite } from './record-write.js'
import { storeContents } from './store-contents.js'

/** A checked request to restore a version, and the place of the record. */
export interface RecordRestore extends RecordRead {
  /** The mode of the new version. */
  mode: Mode
  request: RestoreRecordRequest
  /** As in RecordWrite, for the new version. */
  secret: WriteSecret | undefined
  triedSince: number | undefined
}

/** Rejects as `downloadRecord` and `uploadRecord` do; a version in parts counts as a transfer. */
export async function restoreRecord(
  vault: Vault,
  restore: RecordRestore,
  call: CallContext,
): Promise<RestoreRecordResponse> {
  const { secret } = restore
  const stored = await openSource(vault, restore, call)
  const { cipher } = stored.opened
  const reading = linkedSignal(call.signal)
  let contents: AsyncGenerator<Buffer> | undefined
  let leaveTransfers: (() => void) | undefined
  try {
    if (stored.sealed.partCount > 0) leaveTransfers = vault.transfers.enter(call)
    const { size, read } = await recordReader({ source: ciphertextSource(vault, restore, stored), cipher }, call)
    contents = read({ from: 0, to: size }, { ...call, signal: reading.signal })
    const digest = runningDigest()
    const passed = secret ? throughDigest(contents, digest) : contents
    return await storeContents(vault, { write: writeOf(restore, stored), contents: passed, digest }, call)
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

/**
 * Opens the version to restore. In a repeat, a version that is not there says nothing about the first attempt, which may have
 * removed it as the oldest of those that are kept; the error is then OUTCOME_UNKNOWN.
 */
async function openSource(vault: Vault, restore: RecordRestore, call: CallContext): Promise<StoredRecord> {
  try {
    return await openStoredRecord(vault, restore, call)
  } catch (error) {
    const isGone = error instanceof VaultError && ['RECORD_NOT_FOUND', 'PRECONDITION_FAILED'].includes(error.reason)
    throw isGone && restore.triedSince !== undefined ? new VaultError('OUTCOME_UNKNOWN', { cause: error }) : error
  }
}

/** The new version: the attributes and expiry of the old one under the secret of the new one. */
function writeOf(restore: RecordRestore, { attributes: sealed }: StoredRecord): RecordWrite {
  const { user, recordIds, mode, request, secret, triedSince } = restore
  const { attributes, expireTime } = sealed
  const store = StoreRecordRequest.create({ ...request, attributes, expireTime, recordKey: '' })
  return { user, recordId: recordIds[0], mode, request: store, secret, triedSince }
}

/** The same pieces; the digest sees each before it is passed on. */
async function* throughDigest(pieces: AsyncIterable<Buffer>, digest: RunningDigest): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    digest.update(piece)
    yield piece
  }
}

/** True if the version has expired by the back end's clock: the caller of a restore gave no time that could be wrong. */
function isExpiry(error: unknown): boolean {
  return error instanceof VaultError && error.fields.some(({ field }) => field === 'expire_time')
}
