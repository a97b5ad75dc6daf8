// An import of the lines of a file, or of standard input.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { invalidField, VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { Line } from '../files/lines.js'
import { ndjsonLines } from '../files/ndjson-lines.js'
import type { InputLine, InputStamp, KeyEntry } from '../keys/key-entry.js'
import { writeFieldsOf } from '../options/write-flags.js'
import type { Session } from '../program/program.js'
import { printNote } from '../terminal/output.js'
import { refuseSameFile } from '../transfer/job-report.js'
import { type ImportFlags, type ImportItem, type ImportJob, runImport, storeItems } from './import-job.js'
import { type LineDefaults, maxLineBytes, parseImportLine } from './import-line.js'
import { type StoredLines, storedLines } from './stored-lines.js'

export async function importLines(flags: ImportFlags, session: Session): Promise<void> {
  const path = flags.in === '-' ? undefined : flags.in
  await refuseSameFile({ flag: '--keys-out', path: flags.keysOut }, [path])
  const input = path === undefined ? undefined : await stampOf(path)
  const stored = storedLines()
  const opening = { input, seen: (entry: KeyEntry) => stored.add(lineOf(entry)) }
  const work = async (job: ImportJob) => {
    const stream = path === undefined ? standardInput(session) : createReadStream(path, { highWaterMark: 1024 * 1024 })
    await storeLines({ stream, stored, totalBytes: input?.bytes }, job, session)
    await refuseChanged(path, input)
  }
  await runImport({ flags, opening, work }, session)
}

/** The line of an entry; throws INVALID_REQUEST for a keys file of a folder. */
export function lineOf({ from }: KeyEntry): InputLine {
  if ('line' in from) return from
  throw new VaultError('INVALID_REQUEST', { message: 'this is of an import of a folder, not of lines' })
}

async function stampOf(path: string): Promise<InputStamp | undefined> {
  const found = await stat(path)
  // A pipe has a path too, as in --in <(...), and changes as it is read.
  return found.isFile() ? { bytes: found.size, modified: found.mtime.toISOString() } : undefined
}

async function refuseChanged(path: string | undefined, before: InputStamp | undefined): Promise<void> {
  const now = path === undefined ? undefined : await stampOf(path)
  if (!now || !before || (now.bytes === before.bytes && now.modified === before.modified)) return
  throw invalidField('--in', 'the file changed while it was imported; --resume --changed goes on with it as it is now')
}

function standardInput({ terminal }: Session): Readable {
  const { stdin } = terminal
  if (stdin.isTTY) printNote('Type the records, one JSON object a line; Ctrl-D ends it.', terminal)
  return stdin
}

interface Input {
  stream: Readable
  stored: StoredLines
  totalBytes: number | undefined
}

async function storeLines({ stream, stored, totalBytes }: Input, job: ImportJob, { signal }: Session): Promise<void> {
  const stopping = new AbortController()
  const chunks = addAbortSignal(AbortSignal.any([signal, stopping.signal]), stream)
  try {
    await storeItems({ items: itemsOf(chunks, { stored, job }), totalBytes }, job, { signal })
  } finally {
    stopping.abort() // standard input may still be open, and nobody reads it any more
  }
}

const advice = '`jq -c .` makes lines of JSON, `feclient upload` stores a file as it is'

async function* itemsOf(chunks: Readable, { stored, job }: { stored: StoredLines; job: ImportJob }) {
  const { flags, tally } = job
  const defaults = { mode: flags.mode, life: writeFieldsOf(flags) }
  const name = flags.in === undefined || flags.in === '-' ? 'standard input' : flags.in
  for await (const line of ndjsonLines(chunks, { flag: '--in', name, advice, maxLineBytes })) {
    const item = itemOf(line, defaults)
    if (item.from && isStored(item.from as InputLine, stored)) tally.skipped()
    else yield item
  }
}

/** Whether a line of the input is stored already; throws when it is not the line that was. */
function isStored(line: InputLine, stored: StoredLines): boolean {
  const found = stored.look(line)
  if (found !== 'changed') return found === 'stored'
  throw invalidField(
    '--in',
    `line ${line.line} is not the line that was imported: use another keys file for another input`,
  )
}

function itemOf({ number, size, end, text }: Line, defaults: LineDefaults): ImportItem {
  try {
    const request = parseImportLine(text, defaults)
    const who = { user: request.userId, name: request.recordName }
    const from = { line: number, lineBytes: size, ...who }
    const subject = JSON.stringify([request.userId, request.recordName])
    return { which: { line: number, ...who }, from, aad: request.callerAad, end, bytes: size + 1024, subject, request }
  } catch (thrown) {
    return { which: { line: number }, end, bytes: 1024, error: asVaultError(thrown) }
  }
}
