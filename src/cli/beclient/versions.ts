// beclient versions: lists the kept versions of a record, the newest first.
import type { Command } from 'commander'
import { recordIdBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import { hexOf } from '../files/input.js'
import { type Session, withExamples } from '../program/program.js'
import { printLines, toJson } from '../terminal/output.js'
import { sealedRecordRow } from '../terminal/sealed-record.js'
import { addBackendFlags, type BackendFlags, recordIdHelp, withBackend } from './backend-call.js'

interface VersionsFlags extends BackendFlags {
  recordId: Buffer
}

const examples = ['beclient versions --record-id HEX', 'beclient get --record-id HEX --version 2    show one of them']

/** Adds `beclient versions`. */
export function addVersions(program: Command, session: Session): void {
  const command = program
    .command('versions')
    .description('List the kept versions of a record, the newest first.')
    .requiredOption('--record-id <hex>', recordIdHelp, hexOf(recordIdBytes))
  withExamples(addBackendFlags(command), examples).action((flags: VersionsFlags) => versions(flags, session))
}

async function versions({ recordId, ...flags }: VersionsFlags, session: Session): Promise<void> {
  const { records } = await withBackend(flags, session, (methods, call) =>
    methods.listEnvelopeVersions({ recordIds: [recordId] }, call()),
  )
  if (records.length === 0) throw new VaultError('RECORD_NOT_FOUND')
  await printLines(records.map(flags.json ? toJson : sealedRecordRow), session.terminal)
}
