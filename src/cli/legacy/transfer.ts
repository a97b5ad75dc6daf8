// The records of import-legacy: reads the lines of the old keys file, imports each record and reports the results.
import { createReadStream } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField, type VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { ImportLegacyRecordResponse } from '../../frontend/client.js'
import type { Line } from '../files/lines.js'
import { ndjsonLines } from '../files/ndjson-lines.js'
import type { StoredInput } from '../import/stored-input.js'
import type { InputLine } from '../keys/key-entry.js'
import type { KeysFile } from '../keys/keys-file.js'
import type { Session } from '../program/program.js'
import type { JobReport } from '../transfer/job-report.js'
import type { TransferItem } from '../transfer/send-window.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { unknownOutcome } from '../transfer/unknown-outcome.js'
import { type LegacyKey, maxKeyLineBytes, parseLegacyKey } from './line.js'
import { unaryStream } from './unary-stream.js'

/** An import to run. */
export interface LegacyTransfer {
  /** The keys file of the old records. */
  path: string
  totalBytes: number
  importOne(record: LegacyKey, options: CallOptions): Promise<ImportLegacyRecordResponse>
  /** The new keys. */
  keys: KeysFile
  /** The lines that have a new key already. */
  stored: StoredInput<InputLine>
  report: JobReport
  /** How long one record may take, and how long the server may answer nothing, in milliseconds. */
  timeoutMs: number
}

type LegacyItem = TransferItem<LegacyKey> & { line: Line }

// Each call may hold a line of the dump in memory.
const maxCalls = 16

/** Imports every line that is not stored yet. Rejects only with an error that concerns all of them. */
export async function transferLegacy(job: LegacyTransfer, { signal }: Session): Promise<void> {
  const { importOne, report, totalBytes, timeoutMs } = job
  const sender = {
    send: unaryStream((record: LegacyKey, options) => importOne(record, { ...options, timeoutMs }), maxCalls),
    signal,
    stallMs: timeoutMs,
    onWaiting: ({ reason }: VaultError) => report.note(`waiting for the server: ${reason}`),
  }
  for await (const batch of transfer(readItems(job, signal), sender)) {
    await recordResults(batch, job)
    report.showProgress({ bytes: batch.at(-1)?.item.line.end ?? 0, totalBytes })
  }
}

async function* readItems({ path, stored, report }: LegacyTransfer, signal: AbortSignal): AsyncGenerator<LegacyItem> {
  const file = { flag: '--keys', name: path, advice: '--help shows the format', maxLineBytes: maxKeyLineBytes }
  for await (const line of ndjsonLines(addAbortSignal(signal, createReadStream(path)), file)) {
    const item = itemOf(line)
    const state = item.request && stored.stateOf(inputLine(line, item.request))
    if (state === 'stored') report.addSkipped()
    else if (state === 'changed') {
      throw invalidField('--keys', `line ${line.number} is not the line that was imported: use another --keys-out`)
    } else yield item
  }
}

function itemOf(line: Line): LegacyItem {
  const position = { ...line, text: undefined }
  const bytes = line.size + 1024
  try {
    const request = parseLegacyKey(line.text)
    return { line: position, bytes, subject: JSON.stringify([request.userId, request.recordName]), request }
  } catch (thrown) {
    return { line: position, bytes: 1024, error: asVaultError(thrown) }
  }
}

function inputLine({ number, size }: Line, { userId, recordName }: LegacyKey): InputLine {
  return { line: number, lineBytes: size, user: userId, name: recordName }
}

const noAad = Buffer.alloc(0)

async function recordResults(
  batch: Settled<LegacyItem, ImportLegacyRecordResponse>[],
  { keys, report }: LegacyTransfer,
): Promise<void> {
  const stored = batch.flatMap(({ item: { line, request }, result: { answer } }) =>
    answer && request ? [{ ...inputLine(line, request), aad: noAad, ...answer }] : [],
  )
  if (stored.length > 0) await keys.append(stored)
  report.addDone(stored.length)
  for (const { version } of stored) if (version > 1n) report.addReplaced()
  for (const { item, result } of batch) {
    const { line, request } = item
    request?.key.fill(0)
    const named = request && { user: request.userId, name: request.recordName }
    const { error } = result
    if (error) await report.addFailure({ line: line.number, ...named }, unknownOutcome('unanswered store', error))
  }
}
