// One record as a file of an export's folder. The list of exported files gets its entry before the file gets its name, so
// that an export knows its own files whenever the program ends.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient, RetrieveRecordResponse } from '../../frontend/client.js'
import { openDownload } from '../download/download-file.js'
import { readState, removeState } from '../download/download-state.js'
import { downloadStream } from '../download/download-stream.js'
import { openAtomicFile } from '../files/atomic-file.js'
import { makeStateFolder } from '../files/folder-target.js'
import { sha256Of } from '../files/sha256.js'
import type { Session } from '../program/program.js'
import type { ExportFlags, ExportItem } from './export-source.js'
import type { ExportedFile, ExportedFiles } from './exported-files.js'

/** What the export of a file uses. */
export interface FileExport {
  client: FrontendClient
  exported: ExportedFiles
  flags: ExportFlags
  session: Session
}

/** A record and the path of its file. */
export type PlacedItem = ExportItem & { path: string }

/** Writes a record that was retrieved. */
export async function writeFile(item: PlacedItem, answer: RetrieveRecordResponse, job: FileExport): Promise<void> {
  const { data, record } = answer
  const file = await openAtomicFile({ path: item.path, flag: '--out', replace: job.flags.force === true })
  try {
    await job.exported.add(exportedFile(item, record?.keyId), sha256Of(data).toString('hex'))
    await file.commit(data)
  } finally {
    await file.discard()
  }
}

function exportedFile({ entry: { user }, record: { name = '' }, keyId }: PlacedItem, opened = keyId): ExportedFile {
  return { user, name, keyId: opened }
}

/** The path of a record's unfinished download. The hash fits any file system, whatever the record's name. */
async function partialPath({ out }: ExportFlags, { record: { name = '' } }: PlacedItem): Promise<string> {
  return join(await makeStateFolder(out), `${sha256Of(name).toString('hex')}.partial`)
}

/** Removes an unfinished download: with --resume, one of another version; with --force alone, any. */
async function removeStale(partial: string, { keyId }: PlacedItem, { force, resume }: ExportFlags): Promise<void> {
  const state = await readState(`${partial}.state`).catch(() => undefined)
  const isStale = resume ? !state?.keyId.equals(keyId) : force
  if (!isStale) return
  await rm(partial, { force: true })
  await removeState(`${partial}.state`)
}

/** Downloads a record that is too large for one message. */
export async function downloadFile(item: PlacedItem, { client, exported, flags, session }: FileExport): Promise<void> {
  const { path, request } = item
  if (request === undefined) throw new VaultError('INTERNAL')
  const { force, resume, timeout } = flags
  const range = { offset: 0, length: 0 }
  const partial = await partialPath(flags, item)
  await removeStale(partial, item, flags)
  const file = await openDownload({ path, partial, replace: force === true, resume: resume === true, range })
  try {
    const limit = { stallMs: timeout * 1000, signal: session.signal }
    const { keyId } = await downloadStream(client, { request, range, sink: file, limit, onProgress: () => undefined })
    await exported.add(exportedFile(item, keyId), file.sha256())
    await file.publish()
  } finally {
    await file.close()
  }
}
