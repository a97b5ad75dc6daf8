// feclient import: records of an NDJSON file over one stream. A record counts as imported when its key is on disk.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { addAbortSignal, type Readable } from 'node:stream'
import { type Command, Option } from 'commander'
import { invalidField } from '../core/errors.js'
import { asVaultError } from '../core/status.js'
import type { FrontendClient, StoreRecordResponse } from '../frontend/client.js'
import type { ConnectionFlags } from './connection.js'
import { addFrontendOptions, type KeyModeName, keyModes, withFrontend } from './frontend-call.js'
import { type ImportedRecord, maxLineBytes, parseImportLine } from './import-line.js'
import type { InputStamp } from './key-entry.js'
import { isStored, type KeysFile, openKeysFile } from './keys-file.js'
import { type Line, readLines } from './lines.js'
import { printNote } from './output.js'
import { type Session, withExamples } from './program.js'
import type { Item } from './send-window.js'
import { openTally, refuseSameFile, type Tally, type TallyFlags } from './tally.js'
import { type Settled, transfer } from './transfer.js'

interface ImportFlags extends ConnectionFlags, TallyFlags {
  in?: string
  keysOut: string
  resume?: true
  changed?: true
  mode?: KeyModeName
}

const examples = [
  'feclient import --in records.ndjson --keys-out keys.ndjson',
  'feclient import --in records.ndjson --keys-out keys.ndjson --resume --report failed.ndjson',
  'jq -c \'{user: .id, name: "profile", text: tojson}\' users.ndjson | feclient import --keys-out keys.ndjson',
]

const formatHelp = `
A line of the input, one JSON object:
  {"user":"alice","name":"note","text":"some text"}
  {"user":"alice","name":"photo","data":"/9j/4AAQ","aad":"Y2FzZSA3","mode":"split"}
  name may be left out (the unnamed record); data and aad are base64. A line has at most 5 MiB.

A line of the keys file, for each stored record:
  {"user","name","key_id","record_key","version",...}
  It opens the record: keep it safe. It is written as records are stored, so that after an
  interruption, of whatever kind, the same command with --resume stores what is missing.
`

export function addImport(program: Command, session: Session): void {
  const command = program
    .command('import')
    .description('Store the records of an NDJSON file. Keeps their record keys in a file.')
    .option('--in <file>', 'the records, one JSON object a line (default: standard input)')
    .requiredOption(
      '--keys-out <file>',
      'where the record keys go: a new file, for its owner only; - is standard output',
    )
    .option('--resume', 'go on with the keys file of an import that was interrupted, or had failures')
    .option('--changed', 'with --resume: the input has changed, but not in the lines that are stored')
    .option('--report <file>', 'write each failure to this file, one JSON object a line')
    .addOption(
      new Option('--mode <mode>', 'who holds the keys of lines that do not say it (default: as configured)').choices(
        Object.keys(keyModes),
      ),
    )
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendOptions(command), examples).action((flags: ImportFlags) => importRecords(flags, session))
}

function check({ keysOut, json, resume, changed }: ImportFlags): void {
  if (keysOut === '-' && json) throw invalidField('--json', 'needs a --keys-out of its own: both are standard output')
  if (keysOut === '-' && resume) throw invalidField('--resume', 'needs the keys file of the earlier run')
  if (changed && !resume) throw invalidField('--changed', 'goes with --resume')
}

async function importRecords(flags: ImportFlags, session: Session): Promise<void> {
  check(flags)
  const path = flags.in === '-' ? undefined : flags.in
  await refuseSameFile({ flag: '--keys-out', path: flags.keysOut }, [path])
  await refuseSameFile({ flag: '--report', ...(flags.report && { path: flags.report }) }, [path, flags.keysOut])
  const input = path === undefined ? undefined : await stampOf(path)
  const { keysOut, resume = false, changed = false } = flags
  const keys = await openKeysFile({ path: keysOut, resume, input, mayChange: changed }, session)
  const tally = await openTally('imported', flags, session)
  try {
    const stream = path === undefined ? standardInput(session) : createReadStream(path, { highWaterMark: 1024 * 1024 })
    await withFrontend(flags, session, (client) => storeAll({ client, stream, keys, tally, input, flags }, session))
    await refuseChanged(path, input)
    tally.sum(advice(flags))
  } catch (error) {
    if (tally.done > 0 && keysOut !== '-' && session.signal.aborted) tally.note(goOn(tally))
    throw error
  } finally {
    await tally.close()
    await keys.close()
  }
}

function goOn({ done }: Tally): string {
  return `stopped after ${done} records; the same command with --resume goes on from there`
}

function advice({ keysOut }: ImportFlags) {
  if (keysOut === '-') return {}
  return {
    done: `their record keys are in ${keysOut}; keep it: they cannot be shown again`,
    failed: 'what failed can be tried again, or corrected, with the same command and --resume (and --changed)',
  }
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

interface Import {
  client: FrontendClient
  stream: Readable
  keys: KeysFile
  tally: Tally
  input: InputStamp | undefined
  flags: ImportFlags
}

type ImportItem = Item<ImportedRecord> & { line: Line }

async function storeAll(work: Import, { signal }: Session): Promise<void> {
  const { client, stream, tally, input, flags } = work
  const stopping = new AbortController()
  const chunks = addAbortSignal(AbortSignal.any([signal, stopping.signal]), stream)
  const sender = {
    send: client.storeRecords,
    signal,
    patienceMs: flags.timeout * 1000,
    waiting: ({ reason }: { reason: string }) => tally.note(`waiting for the server: ${reason}`),
  }
  try {
    for await (const batch of transfer(itemsOf(chunks, work), sender)) {
      await keep(batch, work)
      tally.at({ bytes: batch.at(-1)?.item.line.end ?? 0, totalBytes: input?.bytes })
    }
  } finally {
    stopping.abort() // standard input may still be open, and nobody reads it any more
  }
}

async function* itemsOf(chunks: Readable, { keys, tally, flags }: Import): AsyncGenerator<ImportItem> {
  for await (const line of readLines(chunks, maxLineBytes)) {
    if (line.text?.toString('latin1').trim() === '') continue
    const item = itemOf(line, flags.mode)
    const { request } = item
    if (request && isStored(inputLine(line, request), keys)) tally.skipped()
    else yield item
  }
}

function itemOf(line: Line, mode: KeyModeName | undefined): ImportItem {
  const bytes = line.size + 1024
  const slim = { ...line, text: undefined }
  try {
    const request = parseImportLine(line.text, mode)
    return { line: slim, bytes, subject: JSON.stringify([request.userId, request.recordName]), request }
  } catch (thrown) {
    return { line: slim, bytes: 1024, error: asVaultError(thrown) }
  }
}

function inputLine({ number, size }: Line, { userId, recordName }: ImportedRecord) {
  return { line: number, lineBytes: size, user: userId, name: recordName }
}

async function keep(batch: Settled<ImportItem, StoreRecordResponse>[], { keys, tally }: Import): Promise<void> {
  const stored = batch.flatMap(({ item: { line, request }, outcome: { answer } }) =>
    answer && request ? [{ ...inputLine(line, request), aad: request.callerAad, ...answer }] : [],
  )
  if (stored.length > 0) await keys.append(stored)
  tally.succeeded(stored.length)
  for (const { version } of stored) if (version > 1n) tally.replaced()
  for (const { item, outcome } of batch) {
    const { line, request } = item
    const who = request && { user: request.userId, name: request.recordName }
    if (outcome.error) await tally.failed({ line: line.number, ...who }, outcome.error)
  }
}
