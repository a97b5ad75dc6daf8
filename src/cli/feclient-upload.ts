// feclient upload: a record of any size, read as it is sent.
import type { Command } from 'commander'
import { addFrontendOptions, addRecordOptions, type RecordFlags, withFrontend } from './frontend-call.js'
import { readAad } from './input.js'
import { addKeyOutOption, type KeyOutFlags, type Stored, versionText, withKeyFile } from './key-out.js'
import { type Session, withExamples } from './program.js'
import { bytesText, progressLine } from './progress.js'
import { sendWatched } from './send-watched.js'
import {
  addConditionOptions,
  addLifeOptions,
  addModeOption,
  type ConditionFlags,
  type LifeFlags,
  lifeOf,
  modeOf,
  preconditionOf,
} from './store-options.js'
import { openUploadSource, type UploadSource } from './upload-source.js'

interface UploadFlags extends RecordFlags, KeyOutFlags, LifeFlags, ConditionFlags {
  in?: string
  aadFile?: string
}

const examples = [
  'feclient upload --user alice --name film --in film.mp4 --key-out film.key',
  'tar cz photos | feclient upload --user alice --name photos.tgz --key-out photos.key --content-type application/gzip',
  'feclient upload --user alice --name backup --in db.dump --mode server --expires 30d --keep-versions 7 --json',
]

export function addUpload(program: Command, session: Session): void {
  const command = addRecordOptions(program.command('upload'))
    .description('Encrypt and store a record of any size. Prints its record key, which cannot be shown again.')
    .option('--in <file>', 'the data (default, and -: standard input)')
  addModeOption(addKeyOutOption(command)).option(
    '--aad-file <file>',
    'bytes to bind to the record: a download must bring the same',
  )
  addLifeOptions(addConditionOptions(command)).option('--json', 'print one JSON object')
  withExamples(addFrontendOptions(command), examples).action((flags: UploadFlags) => upload(flags, session))
}

async function upload(flags: UploadFlags, session: Session): Promise<void> {
  const source = await openUploadSource(flags.in, session)
  const storing = {
    store: () => send(flags, source, session),
    notes: (stored: Stored) => [`stored ${source.bytes} bytes as ${versionText(stored)}`, `sha256 ${source.sha256()}`],
    more: () => ({ sizeBytes: source.bytes, sha256: source.sha256() }),
  }
  try {
    await withKeyFile(flags, storing, session)
  } finally {
    await source.close()
  }
}

async function send(flags: UploadFlags, source: UploadSource, session: Session): Promise<Stored> {
  const { user, name = '', mode, aadFile } = flags
  const callerAad = await readAad(aadFile, session)
  const record = { userId: user, recordName: name, callerAad, ...modeOf(mode), ...lifeOf(flags) }
  const request = { ...record, precondition: preconditionOf(flags) }
  const progress = progressLine('uploaded', session.terminal, bytesText)
  const moved = () => progress.show({ done: 0, failed: 0, bytes: source.bytes, totalBytes: source.totalBytes })
  try {
    return await withFrontend(flags, session, (client) =>
      sendWatched(client, { request, source, moved }, { patienceMs: flags.timeout * 1000, signal: session.signal }),
    )
  } finally {
    progress.clear()
  }
}
