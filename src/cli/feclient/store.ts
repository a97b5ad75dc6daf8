// feclient store: stores a record of up to 3 MiB and prints its record key.
import type { Command } from 'commander'
import type { StoreRecordResponse } from '../../frontend/client.js'
import { readData } from '../files/input.js'
import { versionText, withKeyFile } from '../keys/key-out.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { addStoreFlags, type StoreFlags, storeRequestOf } from '../options/store-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { withDoubt } from '../transfer/unknown-outcome.js'

const examples = [
  'feclient store --user alice --name note --key-out note.key < note.txt',
  'key=$(feclient store --user alice --in note.txt)',
  'feclient store --user alice --name note --in note.txt --mode server --if-absent',
  'feclient store --user alice --name code --expires 12h --label for=login --mode server < code.txt',
]

/** Adds `feclient store`. */
export function addStore(program: Command, session: Session): void {
  const command = program
    .command('store')
    .description('Encrypt and store a record of up to 3 MiB. Prints its record key, which the vault does not keep.')
  addStoreFlags(command, 'get')
  withExamples(addFrontendFlags(command), examples).action((flags: StoreFlags) => store(flags, session))
}

async function store(flags: StoreFlags, session: Session): Promise<void> {
  let size = 0
  const job = {
    async store(recordKey: string | undefined) {
      const data = await readData(flags.in, session)
      size = data.length
      return send(flags, { data, ...(recordKey && { recordKey }) }, session)
    },
    notes: (stored: StoreRecordResponse) => [`stored ${size} bytes as ${versionText(stored)}`],
  }
  await withKeyFile(flags, job, session)
}

async function send(
  flags: StoreFlags,
  contents: { data: Buffer; recordKey?: string },
  session: Session,
): Promise<StoreRecordResponse> {
  const request = { ...(await storeRequestOf(flags, session)), ...contents }
  return withFrontend(flags, session, (client, options) =>
    withDoubt('unanswered store', () => client.storeRecord(request, options)),
  )
}
