// feclient get: the opened record, to standard output or to a file that appears whole.
import { type Command, Option } from 'commander'
import { invalidField, VaultError } from '../core/errors.js'
import type { RecordInfo } from '../frontend/client.js'
import { addFrontendOptions, addRecordOptions, keyModeName, type RecordFlags, withFrontend } from './frontend-call.js'
import { hexOf, type KeyFlags, readAad, readRecordKey } from './input.js'
import { printLine, printNote, toJson } from './output.js'
import { type Session, withExamples } from './program.js'
import { recordJson } from './record-info.js'
import { isPrintableText, writeAll } from './terminal.js'
import { openWholeFile } from './whole-file.js'

interface GetFlags extends RecordFlags, KeyFlags {
  out?: string
  aadFile?: string
  expectKeyId?: Buffer
}

interface OpenedRecord {
  data: Buffer
  record: RecordInfo
}

const examples = [
  'feclient get --user alice --name note --key-file note.key',
  'feclient get --user alice --name photo --key-file photo.key --out photo.jpg',
  'echo "$key" | feclient get --user alice --key-stdin --json',
]

export function addGet(program: Command, session: Session): void {
  const command = addRecordOptions(program.command('get'))
    .description('Get a record. Without a record key only records of mode server open.')
    .option('--key-file <file>', 'the record key')
    .addOption(new Option('--key-stdin', 'the record key is on standard input').conflicts('keyFile'))
    .option('--out <file>', 'where to write the data, replacing a file; - is standard output, even for binary data')
    .option('--aad-file <file>', 'the bytes bound to the record when it was stored')
    .option('--expect-key-id <hex>', 'refuse any other version than this: protection against rollback', hexOf(16))
  withExamples(addFrontendOptions(command.option('--json', 'print one JSON object')), examples).action(
    (flags: GetFlags) => get(flags, session),
  )
}

async function get(flags: GetFlags, session: Session): Promise<void> {
  const { out } = flags
  if (out !== undefined && out !== '-') return getToFile(out, flags, session)
  const { data, record } = await retrieve(flags, session)
  if (flags.json) printLine(toJson({ ...recordJson(record), dataBase64: data.toString('base64') }), session.terminal)
  else await show(data, { forced: out === '-' }, session)
}

async function retrieve(flags: GetFlags, session: Session): Promise<OpenedRecord> {
  const { user, name, aadFile, expectKeyId } = flags
  const recordKey = await readRecordKey(flags, session)
  const callerAad = await readAad(aadFile, session)
  const request = { userId: user, recordName: name ?? '', recordKey, callerAad, ...(expectKeyId && { expectKeyId }) }
  const { data, record } = await withFrontend(flags, session, (client, options) =>
    client.retrieveRecord(request, options),
  ).catch((error: unknown) => {
    throw recordKey === '' ? keylessError(error) : error
  })
  if (record === undefined) throw new VaultError('INTERNAL', { message: 'the server did not describe the record' })
  return { data, record }
}

// The front end does not tell a record that needs a key from one of mode `server` whose bound bytes are others.
function keylessError(cause: unknown): unknown {
  if (!(cause instanceof VaultError) || cause.reason !== 'RECORD_KEY_MISMATCH') return cause
  const message = 'the record does not open without a record key'
  const fields = [{ field: 'no record key', description: message }]
  const { requestId } = cause
  return new VaultError(cause.reason, { message, fields, cause, ...(requestId !== undefined && { requestId }) })
}

// Bytes from a record could steer the terminal that shows them.
async function show(data: Buffer, { forced }: { forced: boolean }, { terminal }: Session): Promise<void> {
  if (terminal.stdout.isTTY && !forced && !isPrintableText(data)) {
    throw invalidField(
      '--out',
      'the data is not plain text, and this is a terminal; name a file, or - to print it anyway',
    )
  }
  await writeAll(terminal.stdout, data)
}

async function getToFile(path: string, flags: GetFlags, session: Session): Promise<void> {
  const file = await openWholeFile({ path, flag: '--out', replace: true })
  try {
    const { data, record } = await retrieve(flags, session)
    await file.commit(data)
    if (flags.json) return printLine(toJson(recordJson(record)), session.terminal)
    const { version, keyMode } = record
    printNote(`wrote ${path}: ${data.length} bytes, version ${version}, mode ${keyModeName(keyMode)}`, session.terminal)
  } finally {
    await file.discard()
  }
}
