// beclient get: one record as the back end holds it.
import type { Command } from 'commander'
import { VaultError } from '../core/errors.js'
import { addBackendOptions, type BackendFlags, withBackend } from './backend-call.js'
import { hexOf } from './input.js'
import { printLine, toJson } from './output.js'
import { type Session, withExamples } from './program.js'
import { sealedRecordLines } from './sealed-record.js'

interface GetFlags extends BackendFlags {
  recordId: Buffer
}

export function addGet(program: Command, session: Session): void {
  const command = program
    .command('get')
    .description('Show a record: the header of its envelope, and its first bytes, which are ciphertext.')
    .requiredOption('--record-id <hex>', "72 bytes: the user's pseudonym, then the record's", hexOf(72))
  withExamples(addBackendOptions(command), ['beclient get --record-id HEX --json']).action((flags: GetFlags) =>
    get(flags, session),
  )
}

async function get(flags: GetFlags, session: Session): Promise<void> {
  const { record } = await withBackend(flags, session, (methods, call) =>
    methods.retrieveEnvelope({ recordIds: [flags.recordId] }, call()),
  )
  if (record === undefined) throw new VaultError('RECORD_NOT_FOUND')
  const lines = flags.json ? [toJson(record)] : sealedRecordLines(record)
  for (const line of lines) printLine(line, session.terminal)
}
