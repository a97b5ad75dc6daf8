// An import of the files below a folder. Small files share one stream; a large one is uploaded by itself, while the files
// before it are answered.
import { realpath } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { invalidField, VaultError } from '../../core/errors.js'
import { type FolderFile, openFolderFile, walkFolder } from '../files/folder-files.js'
import type { InputFile, KeyEntry } from '../keys/key-entry.js'
import type { StoredVersion } from '../keys/key-out.js'
import { keyModeField } from '../options/key-mode.js'
import { writeFieldsOf } from '../options/write-flags.js'
import type { Session } from '../program/program.js'
import { isTransient } from '../transfer/transient.js'
import { uploadWithRetry } from '../transfer/upload.js'
import { fileSource, type UploadSource } from '../transfer/upload-source.js'
import { type ImportFlags, type ImportItem, type ImportJob, runImport, storeItems } from './import-job.js'
import { type StoredInput, storedFiles } from './stored-input.js'

/** The greatest size of a file that is held in memory and shares a stream. */
const smallBytes = 1024 * 1024
const overheadBytes = 1024

/** Imports the files that the keys file does not have yet. */
export async function importFolder(flags: ImportFlags & { in: string }, session: Session): Promise<void> {
  const { user } = flags
  if (user === undefined) throw invalidField('--user', 'is required with a folder: the user of the records')
  if (flags.changed) {
    throw invalidField('--changed', 'needs a file as --in; with a folder, --resume alone stores the new files')
  }
  await refuseInside(flags.in, '--keys-out', flags.keysOut === '-' ? undefined : flags.keysOut)
  await refuseInside(flags.in, '--report', flags.report)
  const stored = storedFiles()
  const walk = walkFolder(flags.in)
  const work = async (job: ImportJob) => {
    const stopping = new AbortController()
    const signal = AbortSignal.any([session.signal, stopping.signal])
    const items = readItems(walk.files(), { user, stored, signal, ...job })
    try {
      await storeItems({ items, totalBytes: undefined }, job, session)
    } finally {
      stopping.abort(new VaultError('CANCELLED')) // ends an upload that nobody awaits any more
    }
    if (walk.skipped > 0) job.report.note(`${walk.skipped} left out, as links, special or temporary files`)
  }
  await runImport({ flags, keysOptions: { input: undefined, ...entriesOf(user, flags, stored) }, work }, session)
}

/** Reads the entries of an earlier run, which must be of the same user. */
function entriesOf(user: string, { keysOut }: ImportFlags, stored: StoredInput<InputFile>) {
  let isForeign = false
  return {
    onEntry(entry: KeyEntry) {
      stored.add(fileOf(entry))
      isForeign ||= entry.user !== user
    },
    check() {
      if (isForeign) throw invalidField('--keys-out', `${keysOut} is of another user's import: name another`)
    },
  }
}

// An output inside the folder would be imported itself, with the record keys in it.
async function refuseInside(folder: string, flag: string, path: string | undefined): Promise<void> {
  if (path === undefined) return
  const [root, parent] = await Promise.all([realpath(folder), realpath(dirname(path))])
  if (`${parent}${sep}`.startsWith(`${root}${sep}`)) throw invalidField(flag, 'must not lie in the folder itself')
}

function fileOf({ from }: KeyEntry): InputFile {
  if ('fileBytes' in from) return from
  throw new VaultError('INVALID_REQUEST', { message: 'this entry is from an import of lines, not of a folder' })
}

interface FolderImport extends ImportJob {
  user: string
  stored: StoredInput<InputFile>
  signal: AbortSignal
}

async function* readItems(files: AsyncIterable<FolderFile>, job: FolderImport): AsyncGenerator<ImportItem> {
  for await (const file of files) {
    const item = await readItem(file, job).catch((thrown: unknown) => failedItem(file, job, thrown))
    if (item === undefined) job.report.addSkipped()
    else yield item
  }
}

function failedItem({ name }: FolderFile, { user }: FolderImport, thrown: unknown): ImportItem {
  return { record: { user, name }, end: 0, bytes: overheadBytes, error: errorOfFile(thrown) }
}

/** The error if it concerns one file only; throws it if it ends the import. */
function errorOfFile(thrown: unknown): VaultError {
  if (thrown instanceof VaultError && !isTransient(thrown)) return thrown
  const { code, syscall } = thrown as NodeJS.ErrnoException
  if (syscall === undefined || code === 'EMFILE') throw thrown
  return new VaultError('INVALID_REQUEST', { message: `cannot be read: ${code}`, cause: thrown })
}

/** The item of a file, uploaded already if it is large; undefined if an earlier run has stored it. */
async function readItem(file: FolderFile, job: FolderImport): Promise<ImportItem | undefined> {
  const source = await openSource(file)
  try {
    const { totalBytes = 0, modified = new Date(0) } = source
    const { name } = file
    const from = { user: job.user, name, fileBytes: totalBytes, modified: modified.toISOString() }
    const state = job.stored.stateOf(from)
    if (state === 'stored') return undefined
    if (state === 'changed') throw invalidField('file', 'has changed since it was stored: use another keys file')
    const common = { record: { user: job.user, name }, from, end: 0 }
    const request = requestOf(name, job)
    if (totalBytes > smallBytes) {
      const answer = await uploadLarge(file, request, job)
      return { ...common, bytes: overheadBytes, request: { ...request, data: Buffer.alloc(0) }, answer }
    }
    const data = await readAll(source)
    return { ...common, bytes: data.length + overheadBytes, request: { ...request, data } }
  } finally {
    await source.close()
  }
}

function uploadLarge(
  file: FolderFile,
  request: ReturnType<typeof requestOf>,
  { client, report, flags, signal }: FolderImport,
): Promise<StoredVersion> {
  const upload = {
    request,
    open: () => openSource(file),
    onProgress: () => report.showProgress({ bytes: 0, totalBytes: undefined }),
    onWaiting: ({ reason }: VaultError) => report.note(`waiting for the server: ${reason}`),
  }
  return uploadWithRetry(client, upload, { stallMs: flags.timeout * 1000, signal })
}

async function openSource(found: FolderFile): Promise<UploadSource> {
  const file = await openFolderFile(found)
  return fileSource(file, { path: found.path, flag: 'file' }).catch(async (error) => {
    await file.close()
    throw error
  })
}

function requestOf(recordName: string, { user, flags }: FolderImport) {
  return { userId: user, recordName, callerAad: Buffer.alloc(0), ...keyModeField(flags.mode), ...writeFieldsOf(flags) }
}

async function readAll(source: UploadSource): Promise<Buffer> {
  const chunks = []
  for await (const chunk of source.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks)
}
