// A download that resumes where its connection broke. The key id in the first header pins the version: bytes after a break
// are of the same version, or the download fails.

import { pauseBeforeRetry } from '../../core/client/retry.js'
import { VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import { asVaultError } from '../../core/status.js'
import type {
  DownloadRecordRequest,
  FrontendServiceServer,
  RecordInfo,
  RetrieveRecordRequest,
} from '../../gen/encserver/v1/frontend.js'

/** A record whose bytes are still being received. */
export interface Download {
  /** Its description, with the verified size. */
  record: RecordInfo
  /** The requested bytes. They are complete only if the loop ends by itself; leaving the loop cancels the call. */
  chunks: AsyncGenerator<Buffer, void, undefined>
}

/** A range of a record, in bytes. */
export interface DownloadRange {
  record: RetrieveRecordRequest
  offset: bigint
  /** 0: to the end. */
  length: bigint
}

type DownloadRecord = Methods<FrontendServiceServer>['downloadRecord']

/** The attempts in a row without a single byte; they take about six seconds. */
const maxTriesWithoutProgress = 12
const replacedReasons = ['PRECONDITION_FAILED', 'RECORD_KEY_MISMATCH', 'RECORD_NOT_FOUND']

/** Resolves with the first header. The call stays open until the caller has read `chunks` to the end or left the loop. */
export async function openDownload(start: DownloadRecord, range: DownloadRange, call: CallContext): Promise<Download> {
  const messages = resume(start, range, call)
  const { value } = await messages.next()
  if (value === undefined || Buffer.isBuffer(value))
    throw new VaultError('INTERNAL', { cause: 'a download without a header' })
  return { record: value, chunks: messages as Download['chunks'] } // after the header there are only bytes
}

async function* resume(
  start: DownloadRecord,
  range: DownloadRange,
  call: CallContext,
): AsyncGenerator<RecordInfo | Buffer, void, undefined> {
  const progress: Progress = { range, record: undefined, at: range.offset, end: undefined }
  for (let tries = 1; progress.at !== progress.end; tries += 1) {
    const { at } = progress
    try {
      yield* attempt(start, progress, call)
    } catch (thrown) {
      if (progress.at !== at) tries = 1
      const error = downloadError(progress, asVaultError(thrown))
      if (!isResumable(error) || tries >= maxTriesWithoutProgress) throw error
      await pauseBeforeRetry(tries, error, call)
    }
  }
}

/** Makes one call for the missing bytes. Yields them, and the header if it is the first. */
async function* attempt(start: DownloadRecord, progress: Progress, call: CallContext) {
  for await (const { part } of start(requestOf(progress), call)) {
    if (part?.$case === 'header') {
      const isFirst = progress.record === undefined
      acceptHeader(progress, part.value)
      if (isFirst) yield part.value
    } else if (part !== undefined) {
      progress.at += BigInt(part.value.length)
      yield part.value
    }
  }
  if (progress.at !== progress.end) throw new VaultError('INTERNAL', { cause: 'the download is incomplete' })
}

interface Progress {
  range: DownloadRange
  record: RecordInfo | undefined
  /** The offset of the next missing byte. */
  at: bigint
  /** Known from the first header on. */
  end: bigint | undefined
}

function requestOf({ range, record, at, end }: Progress): DownloadRecordRequest {
  if (record === undefined || end === undefined) return range
  return { record: { ...range.record, expectKeyId: record.keyId }, offset: at, length: end - at }
}

function acceptHeader(progress: Progress, record: RecordInfo): void {
  const { range } = progress
  if (progress.record && !progress.record.keyId.equals(record.keyId)) throw new VaultError('RECORD_REPLACED')
  progress.record = record
  progress.end = range.length === 0n ? record.sizeBytes : range.offset + range.length
}

function isResumable({ reason }: VaultError): boolean {
  return reason === 'UNREACHABLE' || reason === 'OVERLOADED'
}

/** RECORD_REPLACED if a record that had opened does not open any more: it was replaced or deleted meanwhile. */
function downloadError({ record }: Progress, error: VaultError): VaultError {
  const { requestId } = error
  if (record === undefined || !replacedReasons.includes(error.reason)) return error
  return new VaultError('RECORD_REPLACED', { cause: error, ...(requestId !== undefined && { requestId }) })
}
