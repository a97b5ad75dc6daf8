// A download that goes on where its connection broke. The key id of the first header pins the version: what comes after
// a break is of the same record, or the download ends.

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

/** A record whose bytes are still to come. */
export interface Download {
  /** Its size is verified. */
  record: RecordInfo
  /** The bytes asked for. Discard them unless the loop ends by itself; leaving it cancels the call. */
  chunks: AsyncGenerator<Buffer, void, undefined>
}

export interface DownloadRange {
  record: RetrieveRecordRequest
  offset: bigint
  /** 0: to the end. */
  length: bigint
}

type DownloadRecord = Methods<FrontendServiceServer>['downloadRecord']

/** Tries in a row that bring not a byte; about six seconds. */
const maxFruitlessTries = 12
const replacedReasons = ['PRECONDITION_FAILED', 'RECORD_KEY_MISMATCH', 'RECORD_NOT_FOUND']

/** Resolves when the header is there; `chunks` must be read to its end or left, as the call is open until then. */
export async function openDownload(start: DownloadRecord, range: DownloadRange, call: CallContext): Promise<Download> {
  const pieces = resuming(start, range, call)
  const { value } = await pieces.next()
  if (value === undefined || Buffer.isBuffer(value)) throw new VaultError('INTERNAL', { cause: 'no header came' })
  return { record: value, chunks: pieces as Download['chunks'] } // after the header there are only bytes
}

async function* resuming(
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
      const error = meaningOf(progress, asVaultError(thrown))
      if (!mayResume(error) || tries >= maxFruitlessTries) throw error
      await pauseBeforeRetry(tries, error, call)
    }
  }
}

/** Yields the header if it is the first, and the bytes that are still wanted. */
async function* attempt(start: DownloadRecord, progress: Progress, call: CallContext) {
  for await (const { part } of start(requestOf(progress), call)) {
    if (part?.$case === 'header') {
      const isFirst = progress.record === undefined
      begin(progress, part.value)
      if (isFirst) yield part.value
    } else if (part !== undefined) {
      progress.at += BigInt(part.value.length)
      yield part.value
    }
  }
  if (progress.at !== progress.end) throw new VaultError('INTERNAL', { cause: 'the download was not whole' })
}

interface Progress {
  range: DownloadRange
  record: RecordInfo | undefined
  /** The next byte wanted. */
  at: bigint
  /** Known once there is a header. */
  end: bigint | undefined
}

function requestOf({ range, record, at, end }: Progress): DownloadRecordRequest {
  if (record === undefined || end === undefined) return range
  return { record: { ...range.record, expectKeyId: record.keyId }, offset: at, length: end - at }
}

function begin(progress: Progress, record: RecordInfo): void {
  const { range } = progress
  if (progress.record && !progress.record.keyId.equals(record.keyId)) throw new VaultError('RECORD_REPLACED')
  progress.record = record
  progress.end = range.length === 0n ? record.sizeBytes : range.offset + range.length
}

function mayResume({ reason }: VaultError): boolean {
  return reason === 'UNREACHABLE' || reason === 'OVERLOADED'
}

/** A record that was there and does not open any more has been replaced or deleted meanwhile. */
function meaningOf({ record }: Progress, error: VaultError): VaultError {
  const { requestId } = error
  if (record === undefined || !replacedReasons.includes(error.reason)) return error
  return new VaultError('RECORD_REPLACED', { cause: error, ...(requestId !== undefined && { requestId }) })
}
