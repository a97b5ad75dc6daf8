// An export into a folder: each record as the file of its name, which appears when it is whole. What is too large for one
// message is downloaded by itself.
import { lstat } from 'node:fs/promises'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField, VaultError } from '../../core/errors.js'
import type { RetrieveRecordResponse } from '../../frontend/client.js'
import { makeParents, placeOf } from '../files/folder-target.js'
import { keyIdSet } from '../keys/key-id-set.js'
import { withFrontend } from '../options/frontend-call.js'
import type { Session } from '../program/program.js'
import { type JobReport, openJobReport } from '../transfer/job-report.js'
import { isResumable } from '../transfer/stopped.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { downloadFile, type FileExport, type PlacedItem, writeFile } from './export-file.js'
import { type ExportFlags, type ExportItem, recordsOf, senderOf } from './export-source.js'
import { type ExportedFiles, openExportedFiles } from './exported-files.js'
import { firstUserOf } from './resumed-export.js'

interface FolderExport extends FileExport {
  options: CallOptions
  tally: JobReport
}

export async function exportFolder(flags: ExportFlags, session: Session): Promise<void> {
  const user = flags.resume && (await firstUserOf(flags))
  const exported = await openExportedFiles(flags.out, user)
  try {
    await exportInto(exported, flags, session)
  } finally {
    await exported.close()
  }
}

async function exportInto(exported: ExportedFiles, flags: ExportFlags, session: Session): Promise<void> {
  const tally = await openJobReport('exported', flags, session)
  try {
    await withFrontend(flags, session, (client, options) =>
      exportAll({ client, options, exported, tally, flags, session }),
    )
    tally.sum({ failed: 'once the reasons are gone, --resume tries what failed again' })
  } catch (error) {
    if (isResumable(error, session)) tally.note(goOn(flags, tally))
    throw error
  } finally {
    await tally.close()
  }
}

function goOn({ out }: ExportFlags, { done, alreadyThere }: JobReport): string {
  const whole = done + alreadyThere
  return `stopped: ${whole} files are whole in ${out}; the same command with --resume goes on from there`
}

async function exportAll(work: FolderExport): Promise<void> {
  const { client, options, tally, flags, session } = work
  const { items, totalBytes } = await recordsOf(flags, { client, options, exported: keyIdSet(), tally })
  for await (const batch of transfer(placed(items, work), senderOf(client, { flags, tally, session }))) {
    await Promise.all(batch.filter((settled) => !isTooLarge(settled)).map((settled) => keep(settled, work)))
    for (const settled of batch.filter(isTooLarge)) await keep(settled, work)
    tally.at({ bytes: batch.at(-1)?.item.end ?? 0, totalBytes })
  }
}

/** Leaves out what is there already, and refuses what has no place, before it is asked for. */
async function* placed(items: AsyncIterable<ExportItem>, work: FolderExport): AsyncGenerator<PlacedItem> {
  let first: string | undefined
  for await (const item of items) {
    const { user } = item.entry
    first ??= user
    const found = await placeIn(work, item, user === first).catch((thrown: unknown) => ofOneRecord(thrown))
    if (found === 'there') work.tally.skipped()
    else if (typeof found === 'string') yield { ...item, path: found }
    else yield { ...withoutRequest(item), error: found, path: '' }
  }
}

function withoutRequest({ request: _, ...item }: ExportItem): Omit<ExportItem, 'request'> {
  return item
}

async function placeIn(
  { exported, flags: { out, force, resume } }: FolderExport,
  { keyId, entry: { user }, which: { name = '' } }: ExportItem,
  isOfUser: boolean,
): Promise<string> {
  if (!isOfUser) throw invalidField('user', 'is another than that of the first record; a folder is for one')
  const path = placeOf(out, name)
  const there = await lstat(path).catch(() => undefined)
  if (there?.isFile() && resume && (await exported.isThere({ user, name, keyId }, path))) return 'there'
  if (there && !(force && there.isFile()))
    throw invalidField('--out', 'there is something of that name; --force replaces files')
  return path
}

const ofOneName = new Set(['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'EINVAL', 'ELOOP', 'EILSEQ'])

/** What is wrong with one record; throws what is wrong with more. */
function ofOneRecord(thrown: unknown): VaultError {
  if (thrown instanceof VaultError && thrown.kind !== 'cancelled') return thrown
  const { code = '' } = thrown as NodeJS.ErrnoException
  if (!ofOneName.has(code)) throw thrown
  return new VaultError('INVALID_REQUEST', { message: `there can be no file of that name: ${code}`, cause: thrown })
}

function isTooLarge({ outcome }: Pick<Settled<PlacedItem, RetrieveRecordResponse>, 'outcome'>): boolean {
  return outcome.error?.reason === 'RECORD_TOO_LARGE'
}

async function keep({ item, outcome }: Settled<PlacedItem, RetrieveRecordResponse>, work: FolderExport): Promise<void> {
  const { tally } = work
  try {
    if (outcome.error && !isTooLarge({ outcome })) throw outcome.error
    await makeParents(work.flags.out, item.which.name ?? '')
    if (outcome.answer) await writeFile(item, outcome.answer, work)
    else await downloadFile(item, work)
    tally.succeeded(1)
  } catch (thrown) {
    await tally.failed(item.which, ofOneRecord(thrown))
  }
}
