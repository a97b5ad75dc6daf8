// An import of the lines of a file, or of standard input.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { invalidField, VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { Line } from '../files/lines.js'
import { ndjsonLines } from '../files/ndjson-lines.js'
import { refuseSameFile } from '../files/path-checks.js'
import type { InputLine, InputStamp, KeyEntry } from '../keys/key-entry.js'
import { writeFieldsOf } from '../options/write-flags.js'
import type { Session } from '../program/program.js'
import { printNote } from '../terminal/output.js'
import { type ImportFlags, type ImportItem, type ImportJob, runImport, storeItems } from './import-job.js'
import { type LineDefaults, maxLineBytes, parseImportLine } from './import-line.js'
import { type StoredInput, storedLines } from './stored-input.js'

/** Imports the lines that the keys file does not have yet. */
export async function importLines(flags: ImportFlags, session: Session): Promise<void> {
  const path = flags.in === '-' ? undefined : flags.in
  await refuseSameFile({ flag: '--keys-out', path: flags.keysOut }, [path])
  const input = path === undefined ? undefined : await stampOf(path)
  const stored = storedLines()
  const keysOptions = { input, onEntry: (entry: KeyEntry) => stored.add(lineOf(entry)) }
  const work = async (job: ImportJob) => {
    const stream =
      path === undefined ? openStandardInput(session) : createReadStream(path, { highWaterMark: 1024 * 1024 })
    await storeLines({ stream, stored, totalBytes: input?.bytes }, job, session)
    await refuseChanged(path, input)
  }
  await runImport({ flags, keysOptions, work }, session)
}

/** The line of an entry; throws INVALID_REQUEST for the entry of a folder's file. */
export function lineOf({ from }: KeyEntry): InputLine {
  if ('line' in from) return from
  throw new VaultError('INVALID_REQUEST', { message: 'this entry is from an import of a folder, not of lines' })
}

async function stampOf(path: string): Promise<InputStamp | undefined> {
  const found = await stat(path)
  // A pipe may have a path too, as in --in <(...); its stamp changes with each read.
  return found.isFile() ? { bytes: found.size, modified: found.mtime.toISOString() } : undefined
}

async function refuseChanged(path: string | undefined, before: InputStamp | undefined): Promise<void> {
  const now = path === undefined ? undefined : await stampOf(path)
  if (!now || !before || (now.bytes === before.bytes && now.modified === before.modified)) return
  throw invalidField('--in', 'the file changed during the import; --resume --changed imports it as it is now')
}

function openStandardInput({ terminal }: Session): Readable {
  const { stdin } = terminal
  if (stdin.isTTY) printNote('Type the records, one JSON object per line; Ctrl-D ends it.', terminal)
  return stdin
}

interface LinesInput {
  stream: Readable
  stored: StoredInput<InputLine>
  totalBytes: number | undefined
}

async function storeLines(input: LinesInput, job: ImportJob, { signal }: Session): Promise<void> {
  const { stream, stored, totalBytes } = input
  const stopping = new AbortController()
  const chunks = addAbortSignal(AbortSignal.any([signal, stopping.signal]), stream)
  try {
    await storeItems({ items: readItems(chunks, { stored, job }), totalBytes }, job, { signal })
  } finally {
    stopping.abort() // an open standard input would keep the program alive
  }
}

const advice = '`jq -c .` makes lines of JSON, `feclient upload` stores a file as it is'

async function* readItems(chunks: Readable, { stored, job }: { stored: StoredInput<InputLine>; job: ImportJob }) {
  const { flags, report } = job
  const defaults = { mode: flags.mode, life: writeFieldsOf(flags) }
  const name = flags.in === undefined || flags.in === '-' ? 'standard input' : flags.in
  for await (const line of ndjsonLines(chunks, { flag: '--in', name, advice, maxLineBytes })) {
    const item = itemOf(line, defaults)
    if (item.from && isStored(item.from as InputLine, stored)) report.addSkipped()
    else yield item
  }
}

/** True if the line is stored; throws INVALID_REQUEST if another line was stored in its place. */
function isStored(line: InputLine, stored: StoredInput<InputLine>): boolean {
  const state = stored.stateOf(line)
  if (state !== 'changed') return state === 'stored'
  throw invalidField(
    '--in',
    `line ${line.line} is not the line that was imported: use another keys file for another input`,
  )
}

function itemOf({ number, size, end, text }: Line, defaults: LineDefaults): ImportItem {
  try {
    const request = parseImportLine(text, defaults)
    const named = { user: request.userId, name: request.recordName }
    const from = { line: number, lineBytes: size, ...named }
    const subject = JSON.stringify([request.userId, request.recordName])
    const record = { line: number, ...named }
    return { record, from, aad: request.callerAad, end, bytes: size + 1024, subject, request }
  } catch (thrown) {
    return { record: { line: number }, end, bytes: 1024, error: asVaultError(thrown) }
  }
}
