// feclient list: all records of a user, page after page, printed as they arrive.
import type { Command } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient } from '../../frontend/client.js'
import type { ConnectionFlags } from '../options/connection.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { recordHeading, recordJson, recordRow } from '../terminal/record-info.js'

interface ListFlags extends ConnectionFlags {
  user: string
  json?: true
}

const examples = ['feclient list --user alice', 'feclient list --user alice --json | grep passport']

export function addList(program: Command, session: Session): void {
  const command = program
    .command('list')
    .description("List a user's records, in no particular order. Contents stay sealed.")
    .requiredOption('--user <id>', 'whose records')
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
      if (printed === 0 && page.records.length > 0 && !flags.json) printLine(recordHeading, terminal)
      for (const record of page.records)
        printLine(flags.json ? toJson(recordJson(record)) : recordRow(record), terminal)
      printed += page.records.length
      unreadable += page.unreadableCount
    }
  })
  if (unreadable > 0) throw incomplete(unreadable)
  if (printed === 0 && !flags.json) printNote('no records', terminal)
}

// Not the client's eachRecord: it does not say what was left out.
async function* pages(client: FrontendClient, userId: string, options: CallOptions) {
  let pageToken = ''
  do {
    const page = await client.listRecords({ userId, pageToken }, options)
    yield page
    pageToken = page.nextPageToken
  } while (pageToken !== '')
}

function incomplete(count: number): VaultError {
  const message = `the list is incomplete: ${count} more could not be opened`
  return new VaultError('RECORD_CORRUPT', { message })
}
