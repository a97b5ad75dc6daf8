// beclient get: shows one record as the back end holds it.
import type { Command } from 'commander'
import { recordIdBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import { hexOf } from '../files/input.js'
import { wholeNumber } from '../options/write-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { printLines, toJson } from '../terminal/output.js'
import { sealedRecordLines } from '../terminal/sealed-record.js'
import { addBackendFlags, type BackendFlags, recordIdHelp, withBackend } from './backend-call.js'

interface GetFlags extends BackendFlags {
  recordId: Buffer
  version?: number
}

const examples = ['beclient get --record-id HEX', 'beclient get --record-id HEX --version 2 --json']

/** Adds `beclient get`. */
export function addGet(program: Command, session: Session): void {
  const command = program
    .command('get')
    .description("Show one record: the fields of its envelope's header, and the first bytes of the envelope.")
    .requiredOption('--record-id <hex>', recordIdHelp, hexOf(recordIdBytes))
    .option('--version <n>', 'a kept version (default: the newest)', wholeNumber(1))
  withExamples(addBackendFlags(command), examples).action((flags: GetFlags) => get(flags, session))
}

async function get({ recordId, version = 0, ...flags }: GetFlags, session: Session): Promise<void> {
  const { record } = await withBackend(flags, session, (methods, call) =>
    methods.retrieveEnvelope({ recordIds: [recordId], version: BigInt(version) }, call()),
  )
  if (record === undefined) throw new VaultError('RECORD_NOT_FOUND')
  await printLines(flags.json ? [toJson(record)] : sealedRecordLines(record), session.terminal)
}
