// feclient delete: deletes a record, durably. It needs no record key.
import { type Command, Option } from 'commander'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { invalidField } from '../../core/errors.js'
import { hexOf } from '../files/input.js'
import { addFrontendFlags, addRecordFlags, type RecordFlags, withFrontend } from '../options/frontend-call.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, toJson } from '../terminal/output.js'
import { printable } from '../terminal/terminal.js'
import { withDoubt } from '../transfer/unknown-outcome.js'

interface DeleteFlags extends RecordFlags {
  unnamed?: true
  allowMissing?: true
  expectKeyId?: Buffer
}

const examples = [
  'feclient delete --user alice --name note',
  'feclient delete --user alice --name note --allow-missing --json',
  'feclient delete --user alice --unnamed',
]

/** Adds `feclient delete`. */
export function addDelete(program: Command, session: Session): void {
  const command = addRecordFlags(program.command('delete'), "the record's name")
    .description('Delete a record with all its versions. It cannot be restored.')
    .addOption(
      new Option('--unnamed', "delete the user's unnamed record (--name or --unnamed is required)").conflicts('name'),
    )
    .option('--allow-missing', 'succeed if there is no such record')
    .option('--expect-key-id <hex>', 'delete only if the current record has this key id', hexOf(keyIdBytes))
  withExamples(addFrontendFlags(command.option('--json', 'print one JSON object')), examples).action(
    (flags: DeleteFlags) => remove(flags, session),
  )
}

async function remove(flags: DeleteFlags, session: Session): Promise<void> {
  const { user, name, unnamed, allowMissing = false, expectKeyId } = flags
  if (name === undefined && !unnamed)
    throw invalidField('--name', 'or --unnamed, for the record without a name, is required')
  const request = { userId: user, recordName: name ?? '', allowMissing, ...(expectKeyId && { expectKeyId }) }
  const { deleted } = await withFrontend(flags, session, (client, options) =>
    withDoubt('unanswered delete', () => client.deleteRecord(request, options)),
  )
  const record = `${name === undefined ? 'unnamed record' : `record ${printable(name)}`} of user ${printable(user)}`
  const done = `${deleted ? 'deleted' : 'there was no'} ${record}`
  const fields = { deleted, userId: user, recordName: name ?? '' }
  await printLine(flags.json ? toJson(fields) : done, session.terminal, { done })
}
