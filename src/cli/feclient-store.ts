// feclient store: data in, record key out.
import type { Command } from 'commander'
import type { StoreRecordResponse } from '../frontend/client.js'
import { addFrontendOptions, addRecordOptions, type RecordFlags, withFrontend } from './frontend-call.js'
import { readAad, readData } from './input.js'
import { addKeyOutOption, type KeyOutFlags, versionText, withKeyFile } from './key-out.js'
import { type Session, withExamples } from './program.js'
import {
  addConditionOptions,
  addLifeOptions,
  addModeOption,
  type ConditionFlags,
  type LifeFlags,
  lifeOf,
  modeOf,
  preconditionOf,
} from './store-options.js'

interface StoreFlags extends RecordFlags, KeyOutFlags, LifeFlags, ConditionFlags {
  in?: string
  aadFile?: string
}

const examples = [
  'feclient store --user alice --name note --key-out note.key < note.txt',
  'key=$(feclient store --user alice --in note.txt)',
  'feclient store --user alice --name note --in note.txt --mode server --if-absent',
  'feclient store --user alice --name code --expires 12h --label for=login --mode server < code.txt',
]

export function addStore(program: Command, session: Session): void {
  const command = addRecordOptions(program.command('store'))
    .description('Encrypt and store a record of up to 3 MiB. Prints its record key, which cannot be shown again.')
    .option('--in <file>', 'the data (default, and -: standard input)')
  addModeOption(addKeyOutOption(command)).option(
    '--aad-file <file>',
    'bytes to bind to the record: a get must bring the same',
  )
  addLifeOptions(addConditionOptions(command)).option('--json', 'print one JSON object')
  withExamples(addFrontendOptions(command), examples).action((flags: StoreFlags) => store(flags, session))
}

async function store(flags: StoreFlags, session: Session): Promise<void> {
  let size = 0
  const storing = {
    async store() {
      const data = await readData(flags.in, session)
      size = data.length
      return send(flags, data, session)
    },
    notes: (stored: StoreRecordResponse) => [`stored ${size} bytes as ${versionText(stored)}`],
  }
  await withKeyFile(flags, storing, session)
}

async function send(flags: StoreFlags, data: Buffer, session: Session): Promise<StoreRecordResponse> {
  const { user, name = '', mode, aadFile } = flags
  const callerAad = await readAad(aadFile, session)
  const record = { userId: user, recordName: name, data, callerAad, ...modeOf(mode), ...lifeOf(flags) }
  const precondition = preconditionOf(flags)
  return withFrontend(flags, session, (client, options) => client.storeRecord({ ...record, precondition }, options))
}
