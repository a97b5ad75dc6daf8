// An import of the files below a folder. Small ones share a stream with others; a large one is uploaded by itself, and
// what was sent before it is answered meanwhile.

import { realpath } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { invalidField, VaultError } from '../../core/errors.js'
import { type FolderFile, openFound, walkFolder } from '../files/folder-files.js'
import type { InputFile, KeyEntry } from '../keys/key-entry.js'
import { keyModeField } from '../options/key-mode.js'
import { writeFieldsOf } from '../options/write-flags.js'
import type { Session } from '../program/program.js'
import { isTransient } from '../transfer/transient.js'
import { uploadWithRetry } from '../transfer/upload-retry.js'
import { fileSource, type UploadSource } from '../transfer/upload-source.js'
import { type ImportFlags, type ImportItem, type ImportJob, runImport, storeItems } from './import-job.js'
import { type StoredFiles, storedFiles } from './stored-files.js'

/** What is stored with others on one stream; it is held in memory. */
const smallBytes = 1024 * 1024
const overheadBytes = 1024

export async function importFolder(flags: ImportFlags & { in: string }, session: Session): Promise<void> {
  const { user } = flags
  if (user === undefined) throw invalidField('--user', 'must say whose records the files of a folder become')
  if (flags.changed) throw invalidField('--changed', 'goes with a file; of a folder, --resume stores what is new')
  await refuseWithin(flags.in, '--keys-out', flags.keysOut === '-' ? undefined : flags.keysOut)
  await refuseWithin(flags.in, '--report', flags.report)
  const stored = storedFiles()
  const walk = walkFolder(flags.in)
  let isAnothers = false
  const seen = (entry: KeyEntry) => {
    stored.add(fileOf(entry))
    isAnothers ||= entry.user !== user
  }
  const check = () => {
    if (isAnothers) throw invalidField('--keys-out', `${flags.keysOut} is of another user's import: name another`)
  }
  const work = async (job: ImportJob) => {
    const stopping = new AbortController()
    const signal = AbortSignal.any([session.signal, stopping.signal])
    const items = itemsOf(walk.files(), { user, stored, signal, ...job })
    try {
      await storeItems({ items, totalBytes: undefined }, job, session)
    } finally {
      stopping.abort(new VaultError('CANCELLED')) // an upload may be under way, for which nobody waits any more
    }
    if (walk.passedOver > 0) job.tally.note(`${walk.passedOver} left out, as links, special or temporary files`)
  }
  await runImport({ flags, opening: { input: undefined, seen, check }, work }, session)
}

// It would be stored itself, record keys and all.
async function refuseWithin(folder: string, flag: string, path: string | undefined): Promise<void> {
  if (path === undefined) return
  const [within, place] = await Promise.all([realpath(folder), realpath(dirname(path))])
  if (`${place}${sep}`.startsWith(`${within}${sep}`)) throw invalidField(flag, 'must not lie in the folder itself')
}

function fileOf({ from }: KeyEntry): InputFile {
  if ('fileBytes' in from) return from
  throw new VaultError('INVALID_REQUEST', { message: 'this is of an import of lines, not of a folder' })
}

interface Folder extends ImportJob {
  user: string
  stored: StoredFiles
  signal: AbortSignal
}

async function* itemsOf(files: AsyncIterable<FolderFile>, folder: Folder): AsyncGenerator<ImportItem> {
  for await (const found of files) {
    const item = await itemOf(found, folder).catch((thrown: unknown) => failed(found, folder, thrown))
    if (item === undefined) folder.tally.skipped()
    else yield item
  }
}

function failed({ name }: FolderFile, { user }: Folder, thrown: unknown): ImportItem {
  return { which: { user, name }, end: 0, bytes: overheadBytes, error: ofOneFile(thrown) }
}

/** What is wrong with one file; throws what is wrong with more. */
function ofOneFile(thrown: unknown): VaultError {
  if (thrown instanceof VaultError && !isTransient(thrown)) return thrown
  const { code, syscall } = thrown as NodeJS.ErrnoException
  if (syscall === undefined || code === 'EMFILE') throw thrown
  return new VaultError('INVALID_REQUEST', { message: `cannot be read: ${code}`, cause: thrown })
}

/** Undefined for a file that is stored already. */
async function itemOf(found: FolderFile, folder: Folder): Promise<ImportItem | undefined> {
  const source = await openSource(found)
  try {
    const { totalBytes = 0, modified = new Date(0) } = source
    const { name } = found
    const from = { user: folder.user, name, fileBytes: totalBytes, modified: modified.toISOString() }
    const there = folder.stored.look(from)
    if (there === 'stored') return undefined
    if (there === 'changed') throw invalidField('file', 'has changed since it was stored: use another keys file')
    const common = { which: { user: folder.user, name }, from, end: 0 }
    const request = requestOf(name, folder)
    if (totalBytes > smallBytes) {
      const answer = await uploadWithRetry({ request, reopen: () => openSource(found) }, folder)
      return { ...common, bytes: overheadBytes, request: { ...request, data: Buffer.alloc(0) }, answer }
    }
    const data = await contents(source)
    return { ...common, bytes: data.length + overheadBytes, request: { ...request, data } }
  } finally {
    await source.close()
  }
}

async function openSource(found: FolderFile): Promise<UploadSource> {
  const file = await openFound(found)
  return fileSource(file, { path: found.path, flag: 'file' }).catch(async (error) => {
    await file.close()
    throw error
  })
}

function requestOf(recordName: string, { user, flags }: Folder) {
  return { userId: user, recordName, callerAad: Buffer.alloc(0), ...keyModeField(flags.mode), ...writeFieldsOf(flags) }
}

async function contents(source: UploadSource): Promise<Buffer> {
  const chunks = []
  for await (const chunk of source.chunks()) chunks.push(chunk)
  return Buffer.concat(chunks)
}
