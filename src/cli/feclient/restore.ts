// feclient restore: stores a kept version again as the newest version, with a new record key.

import type { Command } from 'commander'
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { hexOf, type KeyFlags, readAad, readRecordKey } from '../files/input.js'
import { addKeyOutOption, type KeyOutFlags, type StoredVersion, versionText, withKeyFile } from '../keys/key-out.js'
import { addFrontendFlags, addRecordFlags, type RecordFlags, withFrontend } from '../options/frontend-call.js'
import { addModeFlag, keyModeField } from '../options/key-mode.js'
import { addKeyFlags, explainMissingKey } from '../options/read-flags.js'
import {
  addIfKeyIdFlag,
  addKeepVersionsFlag,
  type ConditionFlags,
  preconditionOf,
  type WriteFlags,
  wholeNumber,
} from '../options/write-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { withDoubt } from '../transfer/unknown-outcome.js'

interface RestoreFlags extends RecordFlags, KeyFlags, KeyOutFlags, ConditionFlags, Pick<WriteFlags, 'keepVersions'> {
  version: number
  expectKeyId?: Buffer
  aadFile?: string
}

const examples = [
  'feclient restore --user alice --name note --version 2 --key-file note-2.key --key-out note-4.key',
  'feclient restore --user alice --name page --version 2 --mode server --keep-versions 10',
]

/** Adds `feclient restore`. */
export function addRestore(program: Command, session: Session): void {
  const command = addKeyFlags(
    addRecordFlags(program.command('restore'))
      .description('Store a kept version again, as the newest version. Prints its new record key.')
      .requiredOption('--version <n>', 'the version to restore; `feclient versions` lists them', wholeNumber(1)),
  )
  addModeFlag(addKeyOutOption(command), 'the new version')
  command.option('--expect-key-id <hex>', 'restore only if that version has this key id', hexOf(keyIdBytes))
  addKeepVersionsFlag(addIfKeyIdFlag(command)).option('--json', 'print one JSON object')
  withExamples(addFrontendFlags(command), examples).action((flags: RestoreFlags) => restore(flags, session))
}

async function restore(flags: RestoreFlags, session: Session): Promise<void> {
  const { version } = flags
  const notes = (stored: StoredVersion) => [`stored version ${version} again as ${versionText(stored)}`]
  await withKeyFile(flags, { store: (newRecordKey) => send(flags, newRecordKey, session), notes }, session)
}

async function send(flags: RestoreFlags, newRecordKey: string | undefined, session: Session): Promise<StoredVersion> {
  const { user, name = '', version, expectKeyId, mode, keepVersions, aadFile } = flags
  const recordKey = await readRecordKey(flags, session)
  const callerAad = await readAad(aadFile, session)
  const which = { userId: user, recordName: name, version: BigInt(version), recordKey, callerAad }
  const expected = expectKeyId && { expectKeyId }
  const writeFields = {
    ...(newRecordKey && { newRecordKey }),
    ...keyModeField(mode),
    ...(keepVersions !== undefined && { keepVersions }),
  }
  const precondition = preconditionOf(flags)
  return withFrontend(flags, session, (client, options) =>
    withDoubt('unanswered restore', () =>
      client.restoreRecord({ ...which, ...expected, ...writeFields, precondition }, options),
    ),
  ).catch((error: unknown) => {
    throw explainMissingKey(error, { recordKey })
  })
}
