// The job that every import runs around its items: keys file, report and transfer. A record counts as done when its key is on
// disk.
import type { VaultError } from '../../core/errors.js'
import type { FrontendClient, StoreRecordResponse } from '../../frontend/client.js'
import { refuseSameFile } from '../files/path-checks.js'
import type { InputFile, InputLine } from '../keys/key-entry.js'
import { type KeysFile, type KeysFileOptions, openKeysFile } from '../keys/keys-file.js'
import type { ConnectionFlags } from '../options/connection.js'
import { withFrontend } from '../options/frontend-call.js'
import type { KeyModeName } from '../options/key-mode.js'
import type { WriteFlags } from '../options/write-flags.js'
import type { Session } from '../program/program.js'
import { type FailedRecord, type JobReport, type JobReportFlags, openJobReport } from '../transfer/job-report.js'
import type { TransferItem } from '../transfer/send-window.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { isResumable } from '../transfer/transient.js'
import { unknownOutcome, withDoubt } from '../transfer/unknown-outcome.js'
import type { ImportedRecord } from './import-line.js'

/** The flags of `feclient import`. */
export interface ImportFlags extends ConnectionFlags, JobReportFlags, WriteFlags {
  in?: string
  user?: string
  keysOut: string
  resume?: true
  changed?: true
  mode?: KeyModeName
}

/** What the work of an import uses. */
export interface ImportJob {
  client: FrontendClient
  keys: KeysFile
  report: JobReport
  flags: ImportFlags
}

/** A record of the input, and its place there. A record that cannot be stored lacks `from` and `aad`. */
export type ImportItem = TransferItem<ImportedRecord> & {
  record: FailedRecord
  from?: InputLine | InputFile
  aad?: Buffer
  /** The offset in the input after this record, for the progress line. */
  end: number
}

interface Import {
  flags: ImportFlags
  /** How the keys file of an earlier run is read. */
  keysOptions: Pick<KeysFileOptions, 'input' | 'onEntry' | 'check'>
  work(job: ImportJob): Promise<void>
}

/** Opens the keys file and the report, connects, and runs the work. */
export async function runImport({ flags, keysOptions, work }: Import, session: Session): Promise<void> {
  const { keysOut, resume = false, changed = false } = flags
  await refuseSameFile({ flag: '--report', ...(flags.report && { path: flags.report }) }, [
    flags.in === '-' ? undefined : flags.in,
    keysOut,
  ])
  const keys = await openKeysFile({ path: keysOut, resume, mayChange: changed, ...keysOptions }, session)
  try {
    await importInto(keys, { flags, work }, session)
  } finally {
    await keys.close()
  }
}

async function importInto(keys: KeysFile, { flags, work }: Omit<Import, 'keysOptions'>, session: Session) {
  const report = await openJobReport('imported', flags, session)
  try {
    await withFrontend(flags, session, (client) =>
      withDoubt('unanswered import', () => work({ client, keys, report, flags })),
    )
    await report.summarize(adviceFor(flags))
  } catch (error) {
    const canResume = report.done > 0 && flags.keysOut !== '-' && isResumable(error, session)
    if (canResume) report.note(`stopped after ${report.done} records; the same command with --resume continues`)
    throw error
  } finally {
    await report.close()
  }
}

function adviceFor({ keysOut, user }: ImportFlags) {
  if (keysOut === '-') return {}
  const changed = user === undefined ? ' (and --changed)' : ''
  return {
    done: `their record keys are in ${keysOut}; keep it: they cannot be shown again`,
    failed: `to retry the failed records, corrected if need be, run the same command with --resume${changed}`,
  }
}

interface ImportItems {
  items: AsyncIterable<ImportItem>
  /** The size of the input, if it is known. */
  totalBytes: number | undefined
}

/** Stores the items and writes their keys, in the order of the input. */
export async function storeItems(
  { items, totalBytes }: ImportItems,
  { client, keys, report, flags }: ImportJob,
  { signal }: Pick<Session, 'signal'>,
): Promise<void> {
  const sender = {
    send: client.storeRecords,
    signal,
    stallMs: flags.timeout * 1000,
    onWaiting: ({ reason }: VaultError) => report.note(`waiting for the server: ${reason}`),
  }
  for await (const batch of transfer<ImportedRecord, StoreRecordResponse, ImportItem>(items, sender)) {
    await recordResults(batch, { keys, report })
    report.showProgress({ bytes: batch.at(-1)?.item.end ?? 0, totalBytes })
  }
}

async function recordResults(
  batch: Settled<ImportItem, StoreRecordResponse>[],
  { keys, report }: Pick<ImportJob, 'keys' | 'report'>,
): Promise<void> {
  const stored = batch.flatMap(({ item: { from, aad = Buffer.alloc(0) }, result: { answer } }) =>
    answer && from ? [{ ...from, aad, ...answer }] : [],
  )
  if (stored.length > 0) await keys.append(stored)
  report.addDone(stored.length)
  for (const { version } of stored) if (version > 1n) report.addReplaced()
  for (const { item, result } of batch) {
    if (result.error) await report.addFailure(item.record, unknownOutcome('unanswered store', result.error))
  }
}
