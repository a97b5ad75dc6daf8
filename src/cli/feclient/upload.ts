// feclient upload: stores a record of any size as a stream and prints its record key.
import type { Command } from 'commander'
import { type StoredVersion, versionText, withKeyFile } from '../keys/key-out.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { addStoreFlags, type StoreFlags, storeRequestOf } from '../options/store-flags.js'
import { type Session, withExamples } from '../program/program.js'
import { byteProgressText, progressLine } from '../terminal/progress.js'
import { uploadWithTimeout } from '../transfer/upload.js'
import { openUploadSource, type UploadSource } from '../transfer/upload-source.js'

const examples = [
  'feclient upload --user alice --name film --in film.mp4 --key-out film.key',
  'tar cz photos | feclient upload --user alice --name photos.tgz --key-out photos.key --content-type application/gzip',
  'feclient upload --user alice --name backup --in db.dump --mode server --expires 30d --keep-versions 7 --json',
]

/** Adds `feclient upload`. */
export function addUpload(program: Command, session: Session): void {
  const command = program
    .command('upload')
    .description('Encrypt and store a record of any size. Prints its record key, which the vault does not keep.')
  addStoreFlags(command, 'download')
  withExamples(addFrontendFlags(command), examples).action((flags: StoreFlags) => upload(flags, session))
}

async function upload(flags: StoreFlags, session: Session): Promise<void> {
  const source = await openUploadSource(flags.in, session)
  const job = {
    store: (recordKey: string | undefined) => send(flags, { source, recordKey }, session),
    notes: (stored: StoredVersion) => [
      `stored ${source.bytes} bytes as ${versionText(stored)}`,
      `sha256 ${source.sha256()}`,
    ],
    moreFields: () => ({ sizeBytes: source.bytes, sha256: source.sha256() }),
  }
  try {
    await withKeyFile(flags, job, session)
  } finally {
    await source.close()
  }
}

interface Sent {
  source: UploadSource
  recordKey: string | undefined
}

async function send(flags: StoreFlags, { source, recordKey }: Sent, session: Session): Promise<StoredVersion> {
  const request = { ...(await storeRequestOf(flags, session)), ...(recordKey && { recordKey }) }
  const progress = progressLine('uploaded', session.terminal, byteProgressText)
  const onProgress = () => progress.show({ done: 0, failed: 0, bytes: source.bytes, totalBytes: source.totalBytes })
  try {
    return await withFrontend(flags, session, (client) =>
      uploadWithTimeout(
        client,
        { request, source, onProgress },
        { stallMs: flags.timeout * 1000, signal: session.signal },
      ),
    )
  } finally {
    progress.clear()
  }
}
