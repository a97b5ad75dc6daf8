// feclient export: opens many records over one stream and writes them as import reads them. The file appears when it is whole.
import { stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { CallOptions } from '../../core/client/client.js'
import { invalidField, VaultError } from '../../core/errors.js'
import type { FrontendClient, RetrieveRecordResponse } from '../../frontend/client.js'
import { exportFolder } from '../export/export-folder.js'
import { type ExportFlags, type ExportItem, exportItems, retrieveSender } from '../export/export-source.js'
import { type ResumedExport, resumedExport } from '../export/resumed-export.js'
import { refuseSameFile } from '../files/path-checks.js'
import { openResumableFile, type ResumableFile } from '../files/resumable-file.js'
import { exportLine, maxLineBytes } from '../import/import-line.js'
import type { KeyIdSet } from '../keys/key-id-set.js'
import { addFrontendFlags, withFrontend } from '../options/frontend-call.js'
import { type Session, withExamples } from '../program/program.js'
import { writeAll } from '../terminal/terminal.js'
import { type JobReport, openJobReport } from '../transfer/job-report.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { isResumable } from '../transfer/transient.js'

const examples = [
  'feclient export --keys keys.ndjson --out records.ndjson',
  'feclient export --keys keys.ndjson --out records.ndjson --resume --report failed.ndjson',
  'feclient export --keys photos.keys --out photos-again/',
  "feclient export --user alice --out - | jq -r '.data | @base64d'",
]

const formatHelp = `
A line of the output, one JSON object, as import reads it:
  {"user":"alice","name":"photo","data":"/9j/4AAQ","mode":"split","key_id":"...","version":"1","stored":"..."}
  The file holds plaintext, for its owner only. Until it is whole it is called FILE.partial; after an
  interruption, or when records failed, the same command with --resume goes on with that.

A folder, named with / at its end unless it is there: each record becomes the file of its name, of any
size. A name that leads out of the folder, or to what is there, is refused; --force replaces files, and
--resume leaves out those that an earlier run wrote and nobody changed. What it knows of them, and what is
not whole yet, is in .enc-server in that folder. All records must be of one user.
`

export function addExport(program: Command, session: Session): void {
  const command = program
    .command('export')
    .description('Get the records of a keys file, or those of a user that need no key, as NDJSON or as files.')
    .option('--keys <file>', 'the keys file that an import wrote; this or --user is required')
    .addOption(new Option('--user <id>', "instead: this user's records of mode server").conflicts('keys'))
    .requiredOption(
      '--out <file>',
      'where the opened records go: a new file, for its owner only, or a folder/; - is standard output',
    )
    .option('--force', 'let --out replace a file, or files of the folder')
    .option('--resume', 'go on with an export that was interrupted, or had failures')
    .option('--report <file>', 'write each failure to a new file, one JSON object a line; --resume replaces it')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendFlags(command), examples).action((flags: ExportFlags) => exportRecords(flags, session))
}

async function check({ keys, user, out, json, resume, report }: ExportFlags): Promise<void> {
  if (keys === undefined && user === undefined) throw invalidField('--keys', 'or --user must say which records')
  if (keys !== undefined && (await stat(keys)).isDirectory())
    throw invalidField('--keys', `${keys} is a folder; it must be the file that import wrote with --keys-out`)
  if (out === '-' && json) throw invalidField('--json', 'needs an --out of its own: both are standard output')
  if (out === '-' && resume) throw invalidField('--resume', 'needs the file of the earlier run')
  await refuseSameFile({ flag: '--out', path: out }, [keys])
  await refuseSameFile({ flag: '--report', ...(report && { path: report }) }, [keys, out, `${out}.partial`])
}

async function exportRecords(flags: ExportFlags, session: Session): Promise<void> {
  await check(flags)
  if (await isFolder(flags.out)) return exportFolder(flags, session)
  const before = resumedExport()
  const out = await openOutput(flags, before, session)
  try {
    await exportInto(out, { flags, exported: before.exported }, session)
  } finally {
    await out.close()
  }
}

async function exportInto(
  out: ResumableFile,
  { flags, exported }: Pick<Export, 'flags' | 'exported'>,
  session: Session,
): Promise<void> {
  const report = await openJobReport('exported', flags, session)
  try {
    await withFrontend(flags, session, (client, options) =>
      openAll({ client, options, exported, out, report, flags }, session),
    )
    await finish(out, report)
  } catch (error) {
    if (isResumable(error, session) && out.path !== '-' && report.done + report.alreadyDone > 0)
      report.note(`${out.path} holds what is done; --resume goes on with it`)
    throw error
  } finally {
    await report.close()
  }
}

async function isFolder(path: string): Promise<boolean> {
  return path.endsWith('/') || (await stat(path).catch(() => undefined))?.isDirectory() === true
}

async function finish(out: ResumableFile, report: JobReport): Promise<void> {
  if (report.failures === 0) await out.publish()
  const failed = `${out.path} holds the others; once the reasons are gone, --resume tries what failed again, or rename it to do without`
  report.summarize(out.path === '-' || report.done + report.alreadyDone === 0 ? {} : { failed })
}

async function openOutput(flags: ExportFlags, before: ResumedExport, { terminal }: Session): Promise<ResumableFile> {
  const { out, force = false, resume = false } = flags
  if (out !== '-') {
    const [read, check] = [before.read, () => before.refuseAnotherUser(flags)]
    return openResumableFile({
      path: out,
      flag: '--out',
      replace: force,
      resume,
      maxLineBytes: 2 * maxLineBytes,
      read,
      check,
    })
  }
  const nothing = async () => undefined
  return { path: out, append: (text) => writeAll(terminal.stdout, Buffer.from(text)), publish: nothing, close: nothing }
}

interface Export {
  client: FrontendClient
  options: CallOptions
  exported: KeyIdSet
  out: ResumableFile
  report: JobReport
  flags: ExportFlags
}

async function openAll(work: Export, { signal }: Session): Promise<void> {
  const { client, report, flags } = work
  const { items, totalBytes } = await exportItems(flags, work)
  for await (const batch of transfer(items, retrieveSender(client, { flags, report, session: { signal } }))) {
    await keep(batch, work)
    report.showProgress({ bytes: batch.at(-1)?.item.end ?? 0, totalBytes })
  }
}

async function keep(batch: Settled<ExportItem, RetrieveRecordResponse>[], { out, report }: Export): Promise<void> {
  const lines = batch.flatMap(({ item, result: { answer } }) => (answer ? [lineOf(item, answer)] : []))
  if (lines.length > 0) await out.append(lines.join(''))
  report.addDone(lines.length)
  for (const { item, result } of batch) if (result.error) await report.addFailure(item.record, result.error)
}

function lineOf({ entry }: ExportItem, { data, record }: RetrieveRecordResponse): string {
  if (record === undefined) throw new VaultError('INTERNAL', { message: 'the server did not describe the record' })
  return exportLine(entry, { data, record })
}
