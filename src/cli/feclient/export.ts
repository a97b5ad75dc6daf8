// feclient export: retrieves many records over one stream and writes them in the format of import, or as files of a folder. The
// output file appears only when it is complete.
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
import { writeResult } from '../terminal/results.js'
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
Each line of the output is one JSON object, which import can read:
  {"user":"alice","name":"photo","data":"/9j/4AAQ","mode":"split","key_id":"...","version":"1","stored":"..."}
  The file holds plaintext and has mode 0600. Until the export is complete, it is called FILE.partial; after
  an interruption or failures, the same command with --resume continues it.

With a folder (end the name of a new folder with /), each record becomes a file with the record's name. Records
may have any size, and all must be of one user. Names that lead out of the folder are refused, and so are names
of existing files: --force replaces them; --resume skips files that an earlier run wrote, unless they have
changed. The folder .enc-server in it holds the state of the export and incomplete files.
`

/** Adds `feclient export`. */
export function addExport(program: Command, session: Session): void {
  const command = program
    .command('export')
    .description(
      "Retrieve and decrypt the records of a keys file, or a user's records of mode server, as NDJSON or as files.",
    )
    .option('--keys <file>', 'keys file that import wrote (--keys or --user is required)')
    .addOption(new Option('--user <id>', "retrieve this user's records of mode server").conflicts('keys'))
    .requiredOption('--out <file>', 'new file for the records, with mode 0600, or a folder/; - is standard output')
    .option('--force', 'allow --out to replace a file, or files in the folder')
    .option('--resume', 'continue an export that was interrupted or had failures')
    .option('--report <file>', 'new file for the failures, one JSON object per line; --resume replaces it')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText('after', formatHelp.trimEnd())
  withExamples(addFrontendFlags(command), examples).action((flags: ExportFlags) => exportRecords(flags, session))
}

async function checkFlags({ keys, user, out, json, resume, report }: ExportFlags): Promise<void> {
  if (keys === undefined && user === undefined) throw invalidField('--keys', 'or --user is required')
  if (keys !== undefined && (await stat(keys)).isDirectory())
    throw invalidField('--keys', `${keys} is a folder; give the file that import wrote with --keys-out`)
  if (out === '-' && json)
    throw invalidField('--json', 'needs --out FILE: records and summary cannot share standard output')
  if (out === '-' && resume) throw invalidField('--resume', 'needs --out FILE, the file of the earlier run')
  await refuseSameFile({ flag: '--out', path: out }, [keys])
  await refuseSameFile({ flag: '--report', ...(report && { path: report }) }, [keys, out, `${out}.partial`])
}

async function exportRecords(flags: ExportFlags, session: Session): Promise<void> {
  await checkFlags(flags)
  if (await isFolder(flags.out)) return exportFolder(flags, session)
  const resumed = resumedExport()
  const out = await openOutput(flags, resumed, session)
  try {
    await exportInto(out, { flags, exported: resumed.exported }, session)
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
      retrieveAll({ client, options, exported, out, report, flags }, session),
    )
    await finish(out, report)
  } catch (error) {
    if (isResumable(error, session) && out.path !== '-' && report.done + report.alreadyDone > 0)
      report.note(`${out.path} holds the exported records; --resume continues it`)
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
  const failed = `${out.path} holds the others; --resume retries the failed records; or rename the file to leave them out`
  await report.summarize(out.path === '-' || report.done + report.alreadyDone === 0 ? {} : { failed })
}

async function openOutput(flags: ExportFlags, resumed: ResumedExport, { terminal }: Session): Promise<ResumableFile> {
  const { out, force = false, resume = false } = flags
  if (out !== '-') {
    const [read, check] = [resumed.read, () => resumed.refuseAnotherUser(flags)]
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
  const noop = async () => undefined
  return { path: out, append: (text) => writeResult(terminal, text), publish: noop, close: noop }
}

interface Export {
  client: FrontendClient
  options: CallOptions
  exported: KeyIdSet
  out: ResumableFile
  report: JobReport
  flags: ExportFlags
}

async function retrieveAll(work: Export, { signal }: Session): Promise<void> {
  const { client, report, flags } = work
  const { items, totalBytes } = await exportItems(flags, work)
  for await (const batch of transfer(items, retrieveSender(client, { flags, report, session: { signal } }))) {
    await writeBatch(batch, work)
    report.showProgress({ bytes: batch.at(-1)?.item.end ?? 0, totalBytes })
  }
}

async function writeBatch(
  batch: Settled<ExportItem, RetrieveRecordResponse>[],
  { out, report }: Export,
): Promise<void> {
  const lines = batch.flatMap(({ item, result: { answer } }) => (answer ? [lineOf(item, answer)] : []))
  if (lines.length > 0) await out.append(lines.join(''))
  report.addDone(lines.length)
  for (const { item, result } of batch) if (result.error) await report.addFailure(item.record, result.error)
}

function lineOf({ entry }: ExportItem, { data, record }: RetrieveRecordResponse): string {
  if (record === undefined) throw new VaultError('INTERNAL', { message: 'the server did not describe the record' })
  return exportLine(entry, { data, record })
}
