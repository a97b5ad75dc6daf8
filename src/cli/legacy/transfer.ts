// The records of import-legacy, line by line of the keys file, and what came of each.
import { createReadStream } from 'node:fs'
import { addAbortSignal } from 'node:stream'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { ImportLegacyRecordResponse } from '../../frontend/client.js'
import type { Line } from '../files/lines.js'
import { ndjsonLines } from '../files/ndjson-lines.js'
import type { StoredLines } from '../import/stored-lines.js'
import type { KeysFile } from '../keys/keys-file.js'
import type { Session } from '../program/program.js'
import type { JobReport } from '../transfer/job-report.js'
import type { Item } from '../transfer/send-window.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { unknownOutcome } from '../transfer/unknown-outcome.js'
import { type LegacyKey, maxKeyLineBytes, parseLegacyKey } from './line.js'
import { unaryStream } from './unary-stream.js'

export interface LegacyTransfer {
  /** The keys file of the old records. */
  path: string
  totalBytes: number
  importOne(wanted: LegacyKey, options: CallOptions): Promise<ImportLegacyRecordResponse>
  /** The new keys. */
  keys: KeysFile
  /** Which lines have a new key already. */
  stored: StoredLines
  tally: JobReport
  /** How long one record may take, and how long the server may answer nothing. */
  timeoutMs: number
}

type LegacyItem = Item<LegacyKey> & { line: Line }

// Each may hold a line of the dump, which is the largest thing in memory.
const callsAtOnce = 16

/** Imports every line that is not stored yet; ends early only for what concerns all of them. */
export async function transferLegacy(work: LegacyTransfer, { signal }: Session): Promise<void> {
  const { importOne, tally, totalBytes, timeoutMs } = work
  const sender = {
    send: unaryStream((wanted: LegacyKey, options) => importOne(wanted, { ...options, timeoutMs }), callsAtOnce),
    signal,
    patienceMs: timeoutMs,
    waiting: ({ reason }: { reason: string }) => tally.note(`waiting for the server: ${reason}`),
  }
  for await (const batch of transfer(itemsOf(work, signal), sender)) {
    await keep(batch, work)
    tally.at({ bytes: batch.at(-1)?.item.line.end ?? 0, totalBytes })
  }
}

async function* itemsOf({ path, stored, tally }: LegacyTransfer, signal: AbortSignal): AsyncGenerator<LegacyItem> {
  const file = { flag: '--keys', name: path, advice: '--help shows what it takes', maxLineBytes: maxKeyLineBytes }
  for await (const line of ndjsonLines(addAbortSignal(signal, createReadStream(path)), file)) {
    const item = itemOf(line)
    const found = item.request && stored.look(inputLine(line, item.request))
    if (found === 'stored') tally.skipped()
    else if (found === 'changed') {
      throw invalidField('--keys', `line ${line.number} is not the line that was imported: use another --keys-out`)
    } else yield item
  }
}

function itemOf(line: Line): LegacyItem {
  const slim = { ...line, text: undefined }
  const bytes = line.size + 1024
  try {
    const request = parseLegacyKey(line.text)
    return { line: slim, bytes, subject: JSON.stringify([request.userId, request.recordName]), request }
  } catch (thrown) {
    return { line: slim, bytes: 1024, error: asVaultError(thrown) }
  }
}

function inputLine({ number, size }: Line, { userId, recordName }: LegacyKey) {
  return { line: number, lineBytes: size, user: userId, name: recordName }
}

const noAad = Buffer.alloc(0)

async function keep(batch: Settled<LegacyItem, ImportLegacyRecordResponse>[], { keys, tally }: LegacyTransfer) {
  const stored = batch.flatMap(({ item: { line, request }, outcome: { answer } }) =>
    answer && request ? [{ ...inputLine(line, request), aad: noAad, ...answer }] : [],
  )
  if (stored.length > 0) await keys.append(stored)
  tally.succeeded(stored.length)
  for (const { version } of stored) if (version > 1n) tally.replaced()
  for (const { item, outcome } of batch) {
    const { line, request } = item
    request?.key.fill(0)
    const who = request && { user: request.userId, name: request.recordName }
    if (outcome.error)
      await tally.failed({ line: line.number, ...who }, unknownOutcome('unanswered store', outcome.error))
  }
}
