// Retrieves a record as one message.
import { envelopeHeaderBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { RetrieveRecordResponse } from '../../gen/encserver/v1/frontend.js'
import { openChunks } from '../crypto/chunks.js'
import type { Vault } from '../vault/vault.js'
import { ciphertextSource } from './ciphertext-source.js'
import { openStoredRecord, type RecordRead, recordInfo, type StoredRecord } from './open-record.js'
import { recordReader } from './record-reader.js'

/** Rejects as `openStoredRecord` does, and with RECORD_TOO_LARGE for a record in parts that does not fit one message. */
export async function retrieveRecord(
  vault: Vault,
  read: RecordRead,
  call: CallContext,
): Promise<RetrieveRecordResponse> {
  const stored = await openStoredRecord(vault, read, call)
  const { cipher } = stored.opened
  try {
    const { envelope, partCount } = stored.sealed
    const data =
      partCount === 0
        ? openChunks(cipher, envelope.subarray(envelopeHeaderBytes))
        : await joinParts(vault, { read, stored }, call)
    return { data, record: recordInfo(read, stored, data.length) }
  } finally {
    cipher.key.fill(0)
  }
}

async function joinParts(
  vault: Vault,
  { read, stored }: { read: RecordRead; stored: StoredRecord },
  call: CallContext,
): Promise<Buffer> {
  const { cipher } = stored.opened
  const reader = await recordReader({ source: ciphertextSource(vault, read, stored), cipher }, call)
  const { size } = reader
  if (size > vault.maxRecordBytes) throw new VaultError('RECORD_TOO_LARGE')
  const pieces: Buffer[] = []
  for await (const piece of reader.read({ from: 0, to: size }, call)) pieces.push(piece)
  return Buffer.concat(pieces, size)
}
