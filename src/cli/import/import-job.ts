// What every import does around its items: the keys file, the tally, the stream; a record counts when its key is on disk.

import type { VaultError } from '../../core/errors.js'
import type { FrontendClient, StoreRecordResponse } from '../../frontend/client.js'
import type { InputFile, InputLine } from '../keys/key-entry.js'
import { type KeysFile, type KeysOpening, openKeysFile } from '../keys/keys-file.js'
import type { ConnectionFlags } from '../options/connection.js'
import { withFrontend } from '../options/frontend-call.js'
import type { KeyModeName } from '../options/key-mode.js'
import type { WriteFlags } from '../options/write-flags.js'
import type { Session } from '../program/program.js'
import {
  type Failed,
  type JobReport,
  type JobReportFlags,
  openJobReport,
  refuseSameFile,
} from '../transfer/job-report.js'
import type { Item } from '../transfer/send-window.js'
import { isResumable } from '../transfer/stopped.js'
import { type Settled, transfer } from '../transfer/transfer.js'
import { unknownOutcome, withDoubt } from '../transfer/unknown-outcome.js'
import type { ImportedRecord } from './import-line.js'

export interface ImportFlags extends ConnectionFlags, JobReportFlags, WriteFlags {
  in?: string
  user?: string
  keysOut: string
  resume?: true
  changed?: true
  mode?: KeyModeName
}

export interface ImportJob {
  client: FrontendClient
  keys: KeysFile
  tally: JobReport
  flags: ImportFlags
}

/** A record of the input, and where in it that is; what cannot be stored knows less. */
export type ImportItem = Item<ImportedRecord> & {
  which: Failed
  from?: InputLine | InputFile
  aad?: Buffer
  /** How far through the input this is. */
  end: number
}

interface Import {
  flags: ImportFlags
  /** How the keys file tells what is stored already. */
  opening: Pick<KeysOpening, 'input' | 'seen' | 'check'>
  work(job: ImportJob): Promise<void>
}

export async function runImport({ flags, opening, work }: Import, session: Session): Promise<void> {
  const { keysOut, resume = false, changed = false } = flags
  await refuseSameFile({ flag: '--report', ...(flags.report && { path: flags.report }) }, [
    flags.in === '-' ? undefined : flags.in,
    keysOut,
  ])
  const keys = await openKeysFile({ path: keysOut, resume, mayChange: changed, ...opening }, session)
  try {
    await importInto(keys, { flags, work }, session)
  } finally {
    await keys.close()
  }
}

async function importInto(keys: KeysFile, { flags, work }: Omit<Import, 'opening'>, session: Session): Promise<void> {
  const tally = await openJobReport('imported', flags, session)
  try {
    await withFrontend(flags, session, (client) =>
      withDoubt('unanswered import', () => work({ client, keys, tally, flags })),
    )
    tally.sum(advice(flags))
  } catch (error) {
    if (tally.done > 0 && flags.keysOut !== '-' && isResumable(error, session)) tally.note(goOn(tally))
    throw error
  } finally {
    await tally.close()
  }
}

function goOn({ done }: JobReport): string {
  return `stopped after ${done} records; the same command with --resume goes on from there`
}

function advice({ keysOut, user }: ImportFlags) {
  if (keysOut === '-') return {}
  return {
    done: `their record keys are in ${keysOut}; keep it: they cannot be shown again`,
    failed: `what failed can be tried again, or corrected, with the same command and --resume${user === undefined ? ' (and --changed)' : ''}`,
  }
}

interface Sending {
  items: AsyncIterable<ImportItem>
  /** Of the input, if it is known. */
  totalBytes: number | undefined
}

/** Stores the items and keeps their keys, in their order. */
export async function storeItems(
  { items, totalBytes }: Sending,
  { client, keys, tally, flags }: ImportJob,
  { signal }: Pick<Session, 'signal'>,
): Promise<void> {
  const sender = {
    send: client.storeRecords,
    signal,
    patienceMs: flags.timeout * 1000,
    waiting: ({ reason }: { reason: string }) => tally.note(`waiting for the server: ${reason}`),
  }
  for await (const batch of transfer<ImportedRecord, StoreRecordResponse, ImportItem>(items, sender)) {
    await keep(batch, { keys, tally })
    tally.at({ bytes: batch.at(-1)?.item.end ?? 0, totalBytes })
  }
}

async function keep(
  batch: Settled<ImportItem, StoreRecordResponse>[],
  { keys, tally }: Pick<ImportJob, 'keys' | 'tally'>,
): Promise<void> {
  const stored = batch.flatMap(({ item: { from, aad = Buffer.alloc(0) }, outcome: { answer } }) =>
    answer && from ? [{ ...from, aad, ...answer }] : [],
  )
  if (stored.length > 0) await keys.append(stored)
  tally.succeeded(stored.length)
  for (const { version } of stored) if (version > 1n) tally.replaced()
  for (const { item, outcome } of batch) await report(item, outcome.error, tally)
}

async function report({ which }: ImportItem, error: VaultError | undefined, tally: JobReport): Promise<void> {
  if (error) await tally.failed(which, unknownOutcome('unanswered store', error))
}
