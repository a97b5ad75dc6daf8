// feclient versions: lists the kept versions of a record, the newest first.
import type { Command } from 'commander'
import { addFrontendFlags, addRecordFlags, type RecordFlags, withFrontend } from '../options/frontend-call.js'
import { type Session, withExamples } from '../program/program.js'
import { printLines } from '../terminal/output.js'
import { jsonLine, recordHeading, recordRow } from '../terminal/record-info.js'
import { incompleteList } from './list.js'

const examples = [
  'feclient versions --user alice --name note',
  'feclient versions --user alice --name note --json',
  'feclient get --user alice --name note --version 2 --key-file note-2.key    retrieve one of them',
]

/** Adds `feclient versions`. */
export function addVersions(program: Command, session: Session): void {
  const command = addRecordFlags(program.command('versions'))
    .description('List the kept versions of a record, the newest first, without their data.')
    .option('--json', 'print one JSON object per line')
  withExamples(addFrontendFlags(command), examples).action((flags: RecordFlags) => versions(flags, session))
}

async function versions(flags: RecordFlags, session: Session): Promise<void> {
  const { terminal } = session
  const { user, name = '', json } = flags
  const kept = await withFrontend(flags, session, (client, options) =>
    client.listRecordVersions({ userId: user, recordName: name }, options),
  )
  const heading = !json && kept.versions.length > 0 ? [recordHeading] : []
  await printLines([...heading, ...kept.versions.map(json ? jsonLine : recordRow)], terminal)
  if (kept.unreadableCount > 0) throw incompleteList(kept.unreadableCount)
}
