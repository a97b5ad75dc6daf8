// An export into a folder: each record becomes the file of its name, which appears when it is whole. A record that is too
// large for one message is downloaded by itself.
import { lstat } from 'node:fs/promises'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField, VaultError } from '../../core/errors.js'
import type { RetrieveRecordResponse } from '../../frontend/client.js'
import { makeParents, targetPath } from '../files/folder-target.js'
import { keyIdSet } from '../keys/key-id-set.js'
import { withFrontend } from '../options/frontend-call.js'
import type { Session } from '../program/program.js'
import { type JobReport, openJobReport } from '../transfer/job-report.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { isResumable } from '../transfer/transient.js'
import { downloadFile, type FileExport, type PlacedItem, writeFile } from './export-file.js'
import { type ExportFlags, type ExportItem, exportItems, retrieveSender } from './export-source.js'
import { type ExportedFiles, openExportedFiles } from './exported-files.js'
import { firstUserOf } from './resumed-export.js'

interface FolderExport extends FileExport {
  options: CallOptions
  report: JobReport
}

/** Exports the records that the flags name; with --resume, without those that the folder has. */
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
  const report = await openJobReport('exported', flags, session)
  try {
    await withFrontend(flags, session, (client, options) =>
      exportAll({ client, options, exported, report, flags, session }),
    )
    await report.summarize({
      failed: 'to retry the failed records, fix the causes and run the same command with --resume',
    })
  } catch (error) {
    if (isResumable(error, session)) report.note(resumeHint(flags, report))
    throw error
  } finally {
    await report.close()
  }
}

function resumeHint({ out }: ExportFlags, { done, alreadyDone }: JobReport): string {
  return `stopped: ${out} has ${done + alreadyDone} whole files; the same command with --resume continues`
}

async function exportAll(job: FolderExport): Promise<void> {
  const { client, options, report, flags, session } = job
  const { items, totalBytes } = await exportItems(flags, { client, options, exported: keyIdSet(), report })
  for await (const batch of transfer(placeItems(items, job), retrieveSender(client, { flags, report, session }))) {
    await Promise.all(batch.filter((settled) => !isTooLarge(settled)).map((settled) => writeResult(settled, job)))
    for (const settled of batch.filter(isTooLarge)) await writeResult(settled, job)
    report.showProgress({ bytes: batch.at(-1)?.item.end ?? 0, totalBytes })
  }
}

/** Gives each record its path, before it is retrieved. Skips exported records; a record without a path gets an error. */
async function* placeItems(items: AsyncIterable<ExportItem>, job: FolderExport): AsyncGenerator<PlacedItem> {
  let firstUser: string | undefined
  for await (const item of items) {
    const { user } = item.entry
    firstUser ??= user
    const place = await placeOf(item, user === firstUser, job).catch((thrown: unknown) => errorOfRecord(thrown))
    if (place === 'exported') job.report.addSkipped()
    else if (place instanceof VaultError) yield { ...withoutRequest(item), error: place, path: '' }
    else yield { ...item, path: place.path }
  }
}

function withoutRequest({ request: _, ...item }: ExportItem): Omit<ExportItem, 'request'> {
  return item
}

async function placeOf(
  { keyId, entry: { user }, record: { name = '' } }: ExportItem,
  isSameUser: boolean,
  { exported, flags: { out, force, resume } }: FolderExport,
): Promise<'exported' | { path: string }> {
  if (!isSameUser) {
    throw invalidField('user', 'differs from the user of the first record; an export into a folder is for one user')
  }
  const path = targetPath(out, name)
  const found = await lstat(path).catch(() => undefined)
  if (found?.isFile() && resume && (await exported.isExported({ user, name, keyId }, path))) return 'exported'
  if (found && !(force && found.isFile())) throw invalidField('--out', 'the name is taken; --force replaces files')
  return { path }
}

const nameErrors = new Set(['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'EINVAL', 'ELOOP', 'EILSEQ'])

/** The error if it concerns one record only; throws it if it ends the export. */
function errorOfRecord(thrown: unknown): VaultError {
  if (thrown instanceof VaultError && thrown.kind !== 'cancelled') return thrown
  const { code = '' } = thrown as NodeJS.ErrnoException
  if (!nameErrors.has(code)) throw thrown
  return new VaultError('INVALID_REQUEST', { message: `there can be no file of that name: ${code}`, cause: thrown })
}

type SettledRecord = Settled<PlacedItem, RetrieveRecordResponse>

function isTooLarge({ result }: Pick<SettledRecord, 'result'>): boolean {
  return result.error?.reason === 'RECORD_TOO_LARGE'
}

async function writeResult({ item, result }: SettledRecord, job: FolderExport): Promise<void> {
  const { report } = job
  try {
    if (result.error && !isTooLarge({ result })) throw result.error
    await makeParents(job.flags.out, item.record.name ?? '')
    if (result.answer) await writeFile(item, result.answer, job)
    else await downloadFile(item, job)
    report.addDone(1)
  } catch (thrown) {
    await report.addFailure(item.record, errorOfRecord(thrown))
  }
}
