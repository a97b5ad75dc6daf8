// One download into wherever its bytes go, from where an earlier run left off to the end of what was asked for.
import { invalidField, VaultError } from '../../core/errors.js'
import type { Download, FrontendClient, RecordInfo } from '../../frontend/client.js'
import type { ReadRequest } from '../options/read-flags.js'
import { type StallTimeout, stallTimeout } from '../transfer/stall-timeout.js'
import type { DownloadFile } from './download-file.js'
import type { DownloadState, Range } from './download-state.js'

export type Sink = Pick<DownloadFile, 'path' | 'before' | 'bytes' | 'sha256' | 'begin' | 'append'>

export interface Receiving {
  request: ReadRequest
  range: Range
  sink: Sink
  patience: Parameters<typeof stallTimeout>[0]
  /** Told after each chunk, with how much there will be. */
  moved(totalBytes: number): void
}

/** Resolves with the record when all of the range is in the sink. */
export async function downloadStream(client: FrontendClient, receiving: Receiving): Promise<RecordInfo> {
  const { request, range, sink, patience, moved } = receiving
  const { before } = sink
  const rest = before === undefined ? range : restOf(range, before)
  const record = { ...request, ...(before && { expectKeyId: expected(request, before) }) }
  const watch = stallTimeout(patience)
  watch.wait()
  try {
    const asked = { record, offset: BigInt(rest.offset), length: BigInt(rest.length) }
    const download = await client.downloadRecord(asked, { signal: watch.signal })
    watch.rest()
    const totalBytes = bytesOf(range, Number(download.record.sizeBytes))
    await take(download, { sink, totalBytes, watch, moved })
    return download.record
  } catch (error) {
    throw before === undefined ? error : replacedError(error, { before, path: sink.path })
  } finally {
    watch.stop()
  }
}

interface Taking {
  sink: Sink
  totalBytes: number
  watch: StallTimeout
  moved(totalBytes: number): void
}

async function take({ record, chunks }: Download, { sink, totalBytes, watch, moved }: Taking): Promise<void> {
  try {
    if (sink.before === undefined) await sink.begin(described(record))
    while (sink.bytes < totalBytes) {
      watch.wait()
      const { value: chunk } = await chunks.next()
      watch.rest()
      if (chunk === undefined) throw notWhole(`the server ended after ${sink.bytes} of ${totalBytes} bytes`)
      if (sink.bytes + chunk.length > totalBytes) throw notWhole('the server sends more than was asked for')
      await sink.append(chunk)
      moved(totalBytes)
    }
  } finally {
    await chunks.return()
  }
}

function described({ keyId, version, sizeBytes }: RecordInfo): Pick<DownloadState, 'keyId' | 'version' | 'sizeBytes'> {
  return { keyId, version: Number(version), sizeBytes: Number(sizeBytes) }
}

/** How many bytes of a record of that size are asked for. */
function bytesOf({ offset, length }: Range, sizeBytes: number): number {
  return length > 0 ? length : sizeBytes - offset
}

/** What is still missing; when that is nothing, the header alone is wanted, and the caller stops there. */
function restOf({ offset, length }: Range, { bytes }: DownloadState): Range {
  return { offset: offset + bytes, length: Math.max(0, length - bytes) }
}

// What is there is of one version; the caller may ask for no other.
function expected({ expectKeyId }: ReadRequest, { keyId }: DownloadState): Buffer {
  if (expectKeyId === undefined || expectKeyId.equals(keyId)) return keyId
  throw invalidField('--expect-key-id', `what is there is of the version with key id ${keyId.toString('hex')}`)
}

function notWhole(message: string): VaultError {
  return new VaultError('INTERNAL', { message })
}

function replacedError(cause: unknown, { before, path }: { before: DownloadState; path: string }): unknown {
  if (!(cause instanceof VaultError)) return cause
  const { reason } = cause
  if (reason !== 'PRECONDITION_FAILED' && reason !== 'RECORD_REPLACED') return cause
  const kept = `if version ${before.version} of this record is kept, add --version ${before.version}`
  const message = `${path} holds a part of another record or version, key id ${before.keyId.toString('hex')}: ${kept}; else remove ${path} to begin again`
  return new VaultError(reason, { message, cause })
}
