// A download: a header message with the verified size of the record, then the requested bytes.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { DownloadRecordResponse } from '../../gen/encserver/v1/frontend.js'
import type { Vault } from '../vault/vault.js'
import { ciphertextSource } from './ciphertext-source.js'
import { openStoredRecord, type RecordRead, recordInfo } from './open-record.js'
import { type Range, recordReader } from './record-reader.js'

/** A checked request to read a range of a record, in bytes. */
export interface RecordDownload extends RecordRead {
  offset: bigint
  /** 0: to the end. */
  length: bigint
}

/** Fails as `openStoredRecord` does, and with RANGE_PAST_END, RECORD_CORRUPT or RECORD_REPLACED. Closes the token's key. */
export async function* downloadRecord(
  vault: Vault,
  download: RecordDownload,
  call: CallContext,
): AsyncGenerator<DownloadRecordResponse> {
  const stored = await openStoredRecord(vault, download, call)
  download.token?.key.close() // the rest may take hours, and needs only the key of the chunks
  const { cipher } = stored.opened
  try {
    const reader = await recordReader({ source: ciphertextSource(vault, download, stored), cipher }, call)
    const range = checkedRange(download, reader.size)
    yield { part: { $case: 'header', value: recordInfo(download, stored, reader.size) } }
    for await (const value of reader.read(range, call)) yield { part: { $case: 'chunk', value } }
  } finally {
    cipher.key.fill(0)
  }
}

function checkedRange({ offset, length }: RecordDownload, size: number): Range {
  if (offset + length > BigInt(size)) {
    throw new VaultError('RANGE_PAST_END', { message: `the range is past the end: the record has ${size} bytes` })
  }
  const from = Number(offset)
  return { from, to: length === 0n ? size : from + Number(length) }
}
