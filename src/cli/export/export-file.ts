// One record as a file of a folder that is exported into. What it is and what is in it is listed (exported-files.ts) before
// it gets its name, so that every file of ours is known as ours, whenever the program ends.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { VaultError } from '../../core/errors.js'
import type { FrontendClient, RetrieveRecordResponse } from '../../frontend/client.js'
import { openDownload } from '../download/download-file.js'
import { readState, removeState } from '../download/download-state.js'
import { downloadStream } from '../download/download-stream.js'
import { openAtomicFile } from '../files/atomic-file.js'
import { makeOwnParents } from '../files/folder-target.js'
import { sha256Of } from '../files/sha256.js'
import type { Session } from '../program/program.js'
import type { ExportFlags, ExportItem } from './export-source.js'
import type { ExportedFile, ExportedFiles } from './exported-files.js'

export interface FileExport {
  client: FrontendClient
  exported: ExportedFiles
  flags: ExportFlags
  session: Session
}

/** A record and the place of its file. */
export type PlacedItem = ExportItem & { path: string }

export async function writeFile(item: PlacedItem, answer: RetrieveRecordResponse, work: FileExport): Promise<void> {
  const { data, record } = answer
  const file = await openAtomicFile({ path: item.path, flag: '--out', replace: work.flags.force === true })
  try {
    await work.exported.add(exportedOf(item, record?.keyId), sha256Of(data).toString('hex'))
    await file.commit(data)
  } finally {
    await file.discard()
  }
}

function exportedOf({ entry: { user }, which: { name = '' }, keyId }: PlacedItem, opened = keyId): ExportedFile {
  return { user, name, keyId: opened }
}

/** Where the download of that record grows, whatever its name. */
async function partialFor({ out }: ExportFlags, { which: { name = '' } }: PlacedItem): Promise<string> {
  return join(await makeOwnParents(out), `${sha256Of(name).toString('hex')}.partial`)
}

/** What was begun of another version is of no use, and nobody's but ours; without --resume, --force takes its place. */
async function dropStale(partial: string, { keyId }: PlacedItem, { force, resume }: ExportFlags): Promise<void> {
  const state = await readState(`${partial}.state`).catch(() => undefined)
  const stale = resume ? !state?.keyId.equals(keyId) : force
  if (!stale) return
  await rm(partial, { force: true })
  await removeState(`${partial}.state`)
}

export async function downloadFile(item: PlacedItem, { client, exported, flags, session }: FileExport): Promise<void> {
  const { path, request } = item
  if (request === undefined) throw new VaultError('INTERNAL')
  const { force, resume, timeout } = flags
  const range = { offset: 0, length: 0 }
  const partial = await partialFor(flags, item)
  await dropStale(partial, item, flags)
  const file = await openDownload({ path, partial, replace: force === true, resume: resume === true, range })
  try {
    const patience = { patienceMs: timeout * 1000, signal: session.signal }
    const { keyId } = await downloadStream(client, { request, range, sink: file, patience, moved: () => undefined })
    await exported.add(exportedOf(item, keyId), file.sha256())
    await file.publish()
  } finally {
    await file.close()
  }
}
