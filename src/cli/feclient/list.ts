// feclient list: lists the records of a user page by page, and prints each page as it arrives.
import type { Command } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient } from '../../frontend/client.js'
import type { ConnectionFlags } from '../options/connection.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { type Session, withExamples } from '../program/program.js'
import { printLines, printNote } from '../terminal/output.js'
import { jsonLine, recordHeading, recordRow } from '../terminal/record-info.js'

interface ListFlags extends ConnectionFlags {
  user: string
  json?: true
}

const examples = ['feclient list --user alice', 'feclient list --user alice --json | grep passport']

/** Adds `feclient list`. */
export function addList(program: Command, session: Session): void {
  const command = program
    .command('list')
    .description("List a user's records, in no particular order, without their data.")
    .requiredOption('--user <id>', 'the user')
    .option('--json', 'print one JSON object per line')
  const complete = withExamples(addFrontendFlags(command), examples)
  complete.action((flags: ListFlags) => list(flags, session))
}

async function list(flags: ListFlags, session: Session): Promise<void> {
  const { terminal } = session
  let printed = 0
  let unreadable = 0
  await withFrontend(flags, session, async (client, options) => {
    for await (const page of pages(client, flags.user, options)) {
      const heading = printed === 0 && page.records.length > 0 && !flags.json ? [recordHeading] : []
      await printLines([...heading, ...page.records.map(flags.json ? jsonLine : recordRow)], terminal)
      printed += page.records.length
      unreadable += page.unreadableCount
    }
  })
  if (unreadable > 0) throw incompleteList(unreadable)
  if (printed === 0 && !flags.json) printNote('no records', terminal)
}

// The client's eachRecord does not report the number of unreadable records.
async function* pages(client: FrontendClient, userId: string, options: CallOptions) {
  let pageToken = ''
  do {
    const page = await client.listRecords({ userId, pageToken }, options)
    yield page
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}

/** The error of a list without the records or versions that could not be opened. */
export function incompleteList(count: number): VaultError {
  const message = `the list is incomplete: ${count} more could not be opened`
  return new VaultError('RECORD_CORRUPT', { message })
}
