// feclient delete: deletes a record, durably. It needs no record key.
import type { Command } from 'commander'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { hexOf } from '../files/input.js'
import { addFrontendFlags, addRecordFlags, type RecordFlags, withFrontend } from '../options/frontend-call.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, toJson } from '../terminal/output.js'
import { withDoubt } from '../transfer/unknown-outcome.js'

interface DeleteFlags extends RecordFlags {
  allowMissing?: true
  expectKeyId?: Buffer
}

const examples = [
  'feclient delete --user alice --name note',
  'feclient delete --user alice --name note --allow-missing --json',
]

/** Adds `feclient delete`. */
export function addDelete(program: Command, session: Session): void {
  const command = addRecordFlags(program.command('delete'))
    .description('Delete a record with all its versions. It cannot be restored.')
    .option('--allow-missing', 'succeed if there is no such record')
    .option('--expect-key-id <hex>', 'delete only if the current record has this key id', hexOf(keyIdBytes))
  withExamples(addFrontendFlags(command.option('--json', 'print one JSON object')), examples).action(
    (flags: DeleteFlags) => remove(flags, session),
  )
}

async function remove(flags: DeleteFlags, session: Session): Promise<void> {
  const { user, name, allowMissing = false, expectKeyId } = flags
  const request = { userId: user, recordName: name ?? '', allowMissing, ...(expectKeyId && { expectKeyId }) }
  const { deleted } = await withFrontend(flags, session, (client, options) =>
    withDoubt('unanswered delete', () => client.deleteRecord(request, options)),
  )
  const done = deleted ? 'deleted' : 'there was no such record'
  await printLine(flags.json ? toJson({ deleted }) : done, session.terminal, { done })
}
