// beclient list: lists the records under one pseudonym, page by page.
import type { Command } from 'commander'
import type { BackendClient } from '../../backend/client.js'
import { pseudonymBytes } from '../../core/envelope-sizes.js'
import { hexOf } from '../files/input.js'
import { type Session, withExamples } from '../program/program.js'
import { printLine, printNote, toJson } from '../terminal/output.js'
import { sealedRecordRow } from '../terminal/sealed-record.js'
import { addBackendFlags, type BackendFlags, type NewCall, withBackend } from './backend-call.js'

interface ListFlags extends BackendFlags {
  userPseudonym: Buffer
}

const pageSize = 1000

/** Adds `beclient list`. */
export function addList(program: Command, session: Session): void {
  const command = program
    .command('list')
    .description('List the records under the pseudonym of a user. The back end does not know user ids.')
    .requiredOption('--user-pseudonym <hex>', '36 bytes: the first half of a record id', hexOf(pseudonymBytes))
  withExamples(addBackendFlags(command), ['beclient list --user-pseudonym HEX']).action((flags: ListFlags) =>
    list(flags, session),
  )
}

async function list(flags: ListFlags, session: Session): Promise<void> {
  const { terminal } = session
  let printed = 0
  await withBackend(flags, session, async (methods, call) => {
    for await (const record of eachEnvelope(methods, flags.userPseudonym, call)) {
      await printLine(flags.json ? toJson(record) : sealedRecordRow(record), terminal)
      printed += 1
    }
  })
  if (printed === 0 && !flags.json) printNote('no records', terminal)
}

/** All records under a pseudonym; of their envelopes, only the headers. */
export async function* eachEnvelope(methods: BackendClient['methods'], userPseudonym: Buffer, call: NewCall) {
  let afterRecordId: Buffer = Buffer.alloc(0)
  do {
    const request = { userPseudonyms: [userPseudonym], pageSize, afterRecordId }
    const { records, nextAfterRecordId } = await methods.listEnvelopes(request, call())
    yield* records
    afterRecordId = nextAfterRecordId
  } while (afterRecordId.length > 0)
}
