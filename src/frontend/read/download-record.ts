// A download: a header that says how large the record is, then the bytes asked for.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { DownloadRecordResponse } from '../../gen/encserver/v1/frontend.js'
import type { Vault } from '../vault/vault.js'
import { ciphertextSource } from './ciphertext-source.js'
import { openStoredRecord, type Retrieving, recordInfo } from './open-record.js'
import { type Range, recordReader } from './record-reader.js'

export interface Downloading extends Retrieving {
  offset: bigint
  /** 0: to the end. */
  length: bigint
}

/** Fails as `openStored` does, and with RANGE_PAST_END, RECORD_CORRUPT or RECORD_REPLACED. */
export async function* downloadRecord(
  vault: Vault,
  downloading: Downloading,
  call: CallContext,
): AsyncGenerator<DownloadRecordResponse> {
  const stored = await openStoredRecord(vault, downloading, call)
  downloading.token?.key.close() // the rest takes hours at worst, and needs the chunks' key only
  const { cipher } = stored.opened
  try {
    const reader = await recordReader({ body: ciphertextSource(vault, downloading, stored), cipher }, call)
    const range = rangeOf(downloading, reader.size)
    yield { part: { $case: 'header', value: recordInfo(downloading, stored, reader.size) } }
    for await (const value of reader.read(range, call)) yield { part: { $case: 'chunk', value } }
  } finally {
    cipher.key.fill(0)
  }
}

function rangeOf({ offset, length }: Downloading, size: number): Range {
  if (offset + length > BigInt(size)) {
    throw new VaultError('RANGE_PAST_END', { message: `the range is past the end: the record has ${size} bytes` })
  }
  const from = Number(offset)
  return { from, to: length === 0n ? size : from + Number(length) }
}
