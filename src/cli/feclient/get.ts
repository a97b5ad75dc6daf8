// feclient get: retrieves a record, to standard output or to a file. The file appears only when it is complete.
import type { Command } from 'commander'
import { invalidField, VaultError } from '../../core/errors.js'
import type { RecordInfo } from '../../frontend/client.js'
import { openAtomicFile } from '../files/atomic-file.js'
import { addFrontendFlags, addRecordFlags, withFrontend } from '../options/frontend-call.js'
import { addReadFlags, explainMissingKey, type ReadFlags, readRequestOf } from '../options/read-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { recordJson, recordSummary } from '../terminal/record-info.js'
import { writeResult } from '../terminal/results.js'
import { isPrintableText } from '../terminal/terminal.js'

interface GetFlags extends ReadFlags {
  out?: string
  force?: true
}

interface OpenedRecord {
  data: Buffer
  record: RecordInfo
}

const examples = [
  'feclient get --user alice --name note --key-file note.key',
  'feclient get --user alice --name photo --key-file photo.key --out photo.jpg',
  'echo "$key" | feclient get --user alice --key-stdin --json',
  'feclient get --user alice --name note --version 2 --key-file note-2.key',
]

/** Adds `feclient get`. */
export function addGet(program: Command, session: Session): void {
  const command = addReadFlags(addRecordFlags(program.command('get')))
    .description('Retrieve and decrypt a record of up to 3 MiB. Only a record of mode server needs no record key.')
    .option(
      '--out <file>',
      'new file for the data, with mode 0600; - is standard output, even for binary data on a terminal (default: standard output)',
    )
    .option('--force', 'allow --out to replace a file')
  withExamples(addFrontendFlags(command.option('--json', 'print one JSON object')), examples).action(
    (flags: GetFlags) => get(flags, session),
  )
}

async function get(flags: GetFlags, session: Session): Promise<void> {
  const { out, force } = flags
  if (out !== undefined && out !== '-') return getToFile(out, flags, session)
  if (force) throw invalidField('--force', 'needs --out FILE')
  const { data, record } = await retrieve(flags, session)
  if (flags.json)
    await printLine(toJson({ ...recordJson(record), dataBase64: data.toString('base64') }), session.terminal)
  else await print(data, { allowBinary: out === '-' }, session)
}

async function retrieve(flags: GetFlags, session: Session): Promise<OpenedRecord> {
  const request = await readRequestOf(flags, session)
  const { data, record } = await withFrontend(flags, session, (client, options) =>
    client.retrieveRecord(request, options),
  ).catch((error: unknown) => {
    throw explainMissingKey(error, request)
  })
  if (record === undefined) throw new VaultError('INTERNAL', { message: 'the server did not describe the record' })
  return { data, record }
}

// Binary data could control the terminal that shows it.
async function print(data: Buffer, { allowBinary }: { allowBinary: boolean }, { terminal }: Session): Promise<void> {
  if (terminal.stdout.isTTY && !allowBinary && !isPrintableText(data)) {
    throw invalidField(
      '--out',
      'the data is binary and standard output is a terminal; give a file, or - to print it anyway',
    )
  }
  await writeResult(terminal, data)
}

async function getToFile(path: string, flags: GetFlags, session: Session): Promise<void> {
  const file = await openAtomicFile({ path, flag: '--out', replace: flags.force === true })
  try {
    const { data, record } = await retrieve(flags, session)
    await file.commit(data)
    const done = `wrote ${path}: ${data.length} bytes`
    if (flags.json) return await printLine(toJson(recordJson(record)), session.terminal, { done })
    printNote(`${done}, ${recordSummary(record)}`, session.terminal)
  } finally {
    await file.discard()
  }
}
