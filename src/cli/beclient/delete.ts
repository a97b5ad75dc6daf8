// beclient delete: deletes a record by its id, durably. The user's wrapped keys stay.
import type { Command } from 'commander'
import { keyIdBytes, recordIdBytes } from '../../core/envelope-sizes.js'
import { VaultError } from '../../core/errors.js'
import { hexOf } from '../files/input.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, toJson } from '../terminal/output.js'
import { withDoubt } from '../transfer/unknown-outcome.js'
import { addBackendFlags, type BackendFlags, recordIdHelp, withBackend } from './backend-call.js'

interface DeleteFlags extends BackendFlags {
  recordId: Buffer
  expectKeyId?: Buffer
  allowMissing?: true
}

const examples = ['beclient delete --record-id HEX', 'beclient delete --record-id HEX --expect-key-id HEX --json']

/** Adds `beclient delete`. */
export function addDelete(program: Command, session: Session): void {
  const command = program
    .command('delete')
    .description('Delete a record with all its versions. It cannot be restored.')
    .requiredOption('--record-id <hex>', recordIdHelp, hexOf(recordIdBytes))
    .option('--allow-missing', 'succeed if there is no such record')
    .option('--expect-key-id <hex>', 'delete only if the current record has this key id', hexOf(keyIdBytes))
  withExamples(addBackendFlags(command), examples).action((flags: DeleteFlags) => remove(flags, session))
}

async function remove(flags: DeleteFlags, session: Session): Promise<void> {
  const { recordId, expectKeyId = Buffer.alloc(0), allowMissing = false } = flags
  const { deleted } = await withBackend(flags, session, (methods, call) =>
    withDoubt('unanswered delete', () => methods.deleteEnvelope({ recordIds: [recordId], expectKeyId }, call())),
  )
  if (!deleted && !allowMissing) throw new VaultError('RECORD_NOT_FOUND')
  const done = `${deleted ? 'deleted' : 'there was no'} record ${recordId.toString('hex')}`
  await printLine(flags.json ? toJson({ deleted, recordId }) : done, session.terminal, { done })
}
