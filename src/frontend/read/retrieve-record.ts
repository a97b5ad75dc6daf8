// Opens a record into one message.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { RetrieveRecordResponse } from '../../gen/encserver/v1/frontend.js'
import { headerSize, openChunks } from '../crypto/chunks.js'
import type { Vault } from '../vault/vault.js'
import { ciphertextSource } from './ciphertext-source.js'
import { openStoredRecord, type Retrieving, recordInfo, type StoredRecord } from './open-record.js'
import { recordReader } from './record-reader.js'

/** Rejects as `openStored` does, with RECORD_CORRUPT, and with RECORD_TOO_LARGE for what does not fit. */
export async function retrieveRecord(
  vault: Vault,
  retrieving: Retrieving,
  call: CallContext,
): Promise<RetrieveRecordResponse> {
  const stored = await openStoredRecord(vault, retrieving, call)
  const { cipher } = stored.opened
  try {
    const { envelope, partCount } = stored.sealed
    const data =
      partCount === 0
        ? openChunks(cipher, envelope.subarray(headerSize))
        : await joinParts(vault, { ...retrieving, stored }, call)
    return { data, record: recordInfo(retrieving, stored, data.length) }
  } finally {
    cipher.key.fill(0)
  }
}

async function joinParts(
  vault: Vault,
  { stored, ...retrieving }: Retrieving & { stored: StoredRecord },
  call: CallContext,
): Promise<Buffer> {
  const { cipher } = stored.opened
  const { size, read } = await recordReader({ body: ciphertextSource(vault, retrieving, stored), cipher }, call)
  if (size > vault.maxRecordBytes) throw new VaultError('RECORD_TOO_LARGE')
  const pieces: Buffer[] = []
  for await (const piece of read({ from: 0, to: size }, call)) pieces.push(piece)
  return Buffer.concat(pieces, size)
}
