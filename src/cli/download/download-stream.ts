// One download into a sink, from the end of an earlier run to the end of the range.
import { invalidField, VaultError } from '../../core/errors.js'
import type { Download, FrontendClient, RecordInfo } from '../../frontend/client.js'
import type { ReadRequest } from '../options/read-flags.js'
import { type StallLimit, type StallTimeout, stallTimeout } from '../transfer/stall-timeout.js'
import type { DownloadedVersion, DownloadFile } from './download-file.js'
import type { DownloadState, Range } from './download-state.js'

/** Where the bytes of a download go. */
export type Sink = Pick<DownloadFile, 'path' | 'earlier' | 'bytes' | 'sha256' | 'begin' | 'append'>

/** A download to run. */
export interface DownloadJob {
  request: ReadRequest
  range: Range
  sink: Sink
  limit: StallLimit
  /** Called after each chunk, with the size of the range. */
  onProgress(totalBytes: number): void
}

/** Resolves with the record when the sink has the whole range; rejects if the record is no longer the one it began with. */
export async function downloadStream(client: FrontendClient, job: DownloadJob): Promise<RecordInfo> {
  const { request, range, sink, limit } = job
  const { earlier } = sink
  const rest = earlier === undefined ? range : rangeAfter(range, earlier)
  const record = { ...request, ...(earlier && { expectKeyId: keyIdToResume(request, earlier) }) }
  const stall = stallTimeout(limit)
  stall.wait()
  try {
    const wanted = { record, offset: BigInt(rest.offset), length: BigInt(rest.length) }
    const download = await client.downloadRecord(wanted, { signal: stall.signal })
    stall.rest()
    await readChunks(download, job, stall)
    return download.record
  } catch (error) {
    throw earlier === undefined ? error : withResumeAdvice(error, { earlier, path: sink.path })
  } finally {
    stall.stop()
  }
}

async function readChunks({ record, chunks }: Download, { range, sink, onProgress }: DownloadJob, stall: StallTimeout) {
  const totalBytes = range.length > 0 ? range.length : Number(record.sizeBytes) - range.offset
  try {
    if (sink.earlier === undefined) await sink.begin(versionOf(record))
    while (sink.bytes < totalBytes) {
      stall.wait()
      const { value: chunk } = await chunks.next()
      stall.rest()
      if (chunk === undefined) throw wrongSize(`the server ended after ${sink.bytes} of ${totalBytes} bytes`)
      if (sink.bytes + chunk.length > totalBytes) throw wrongSize('the server sent more bytes than requested')
      await sink.append(chunk)
      onProgress(totalBytes)
    }
  } finally {
    await chunks.return()
  }
}

function versionOf({ keyId, version, sizeBytes }: RecordInfo): DownloadedVersion {
  return { keyId, version: Number(version), sizeBytes: Number(sizeBytes) }
}

/** The bytes still missing. If there are none, this asks for the rest of the record, and the reader stops at its header. */
function rangeAfter({ offset, length }: Range, { bytes }: DownloadState): Range {
  return { offset: offset + bytes, length: Math.max(0, length - bytes) }
}

// The bytes at hand are of one version, so the rest must be of the same.
function keyIdToResume({ expectKeyId }: ReadRequest, { keyId }: DownloadState): Buffer {
  if (expectKeyId === undefined || expectKeyId.equals(keyId)) return keyId
  throw invalidField(
    '--expect-key-id',
    `the unfinished download is of the version with key id ${keyId.toString('hex')}`,
  )
}

function wrongSize(message: string): VaultError {
  return new VaultError('INTERNAL', { message })
}

function withResumeAdvice(cause: unknown, { earlier, path }: { earlier: DownloadState; path: string }): unknown {
  if (!(cause instanceof VaultError)) return cause
  const { reason } = cause
  if (reason !== 'PRECONDITION_FAILED' && reason !== 'RECORD_REPLACED') return cause
  const { version, keyId } = earlier
  const advice = `if version ${version} of this record is kept, add --version ${version}; else remove ${path} to start over`
  const message = `${path} is a part of another record or version, key id ${keyId.toString('hex')}: ${advice}`
  return new VaultError(reason, { message, cause })
}
