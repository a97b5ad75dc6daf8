// feclient store: data in, record key out. The key goes to standard output alone, or to a file of its own.
import { type Command, Option } from 'commander'
import { invalidField, VaultError } from '../core/errors.js'
import type { StoreRecordResponse } from '../frontend/client.js'
import type { Precondition } from '../gen/encserver/v1/frontend.js'
import {
  addFrontendOptions,
  addRecordOptions,
  type KeyModeName,
  keyModes,
  type RecordFlags,
  withFrontend,
} from './frontend-call.js'
import { hexOf, readAad, readData } from './input.js'
import { printLine, printNote, toJson } from './output.js'
import { type Session, withExamples } from './program.js'
import { openWholeFile, type WholeFile } from './whole-file.js'

interface StoreFlags extends RecordFlags {
  in?: string
  keyOut?: string
  force?: true
  mode?: KeyModeName
  aadFile?: string
  ifAbsent?: true
  ifKeyId?: Buffer
}

const examples = [
  'feclient store --user alice --name note --key-out note.key < note.txt',
  'key=$(feclient store --user alice --in note.txt)',
  'feclient store --user alice --name note --in note.txt --mode server --if-absent',
]

export function addStore(program: Command, session: Session): void {
  const command = addRecordOptions(program.command('store'))
    .description('Encrypt and store a record. Prints its record key, which cannot be shown again.')
    .option('--in <file>', 'the data (default: standard input)')
    .option('--key-out <file>', 'write the record key to a new file, for its owner only, and print none')
    .option('--force', 'let --key-out replace a file')
    .addOption(
      new Option('--mode <mode>', "who holds the record's key (default: as the front end is configured)").choices(
        Object.keys(keyModes),
      ),
    )
    .option('--aad-file <file>', 'bytes to bind to the record: a get must bring the same')
    .addOption(new Option('--if-absent', 'only if there is no record of that name').conflicts('ifKeyId'))
    .option('--if-key-id <hex>', 'only if the record there has this key id', hexOf(16))
  withExamples(addFrontendOptions(command.option('--json', 'print one JSON object')), examples).action(
    (flags: StoreFlags) => store(flags, session),
  )
}

function preconditionOf({ ifAbsent, ifKeyId }: StoreFlags): Precondition | undefined {
  if (ifAbsent) return { condition: { $case: 'absent', value: true } }
  return ifKeyId && { condition: { $case: 'keyId', value: ifKeyId } }
}

async function store(flags: StoreFlags, session: Session): Promise<void> {
  const { keyOut, mode, force = false } = flags
  if (keyOut !== undefined && mode === 'server') throw invalidField('--key-out', 'mode server has no record key')
  // Opened before anything is stored: a key that cannot be kept is a record that cannot be read.
  const keyFile =
    keyOut === undefined ? undefined : await openWholeFile({ path: keyOut, flag: '--key-out', replace: force })
  try {
    const data = await readData(flags.in, session)
    const stored = await send(flags, data, session)
    await keepKey(stored.recordKey, keyFile)
    printStored(stored, { flags, size: data.length }, session)
  } finally {
    await keyFile?.discard()
  }
}

async function send(flags: StoreFlags, data: Buffer, session: Session): Promise<StoreRecordResponse> {
  const { user, name, mode, aadFile } = flags
  const callerAad = await readAad(aadFile, session)
  const precondition = preconditionOf(flags)
  const record = { userId: user, recordName: name ?? '', data, callerAad, ...(mode && { keyMode: keyModes[mode] }) }
  return withFrontend(flags, session, (client, options) => client.storeRecord({ ...record, precondition }, options))
}

async function keepKey(recordKey: string, file: WholeFile | undefined): Promise<void> {
  if (file === undefined || recordKey === '') return
  try {
    await file.commit(Buffer.from(`${recordKey}\n`))
  } catch (cause) {
    const message = `the record is stored, but its key could not be written (${(cause as Error).message}): store it again`
    throw new VaultError('INTERNAL', { message, cause })
  }
}

function printStored(
  stored: StoreRecordResponse,
  { flags, size }: { flags: StoreFlags; size: number },
  session: Session,
) {
  const { terminal } = session
  const { recordKey, version, keyId, storeTime } = stored
  const shownKey = flags.keyOut === undefined && recordKey !== '' ? { recordKey } : {}
  if (flags.json) return printLine(toJson({ ...shownKey, version, keyId, storeTime }), terminal)
  if (shownKey.recordKey) printLine(recordKey, terminal)
  printNote(`stored ${size} bytes as version ${version}, key id ${keyId.toString('hex')}`, terminal)
  printNote(keyAdvice(recordKey, flags), terminal)
}

function keyAdvice(recordKey: string, { keyOut }: StoreFlags): string {
  if (recordKey === '') return 'mode server: no record key is needed to get it'
  const place = keyOut === undefined ? 'its record key is on standard output' : `its record key is in ${keyOut}`
  return `${place}; keep it: it cannot be shown again`
}
