// The report of a job over many records: counts them, reports each failure and prints a summary at the end.
import { invalidField, type VaultError } from '../../core/errors.js'
import { type AtomicFile, openAtomicFile } from '../files/atomic-file.js'
import { fileExists } from '../files/path-checks.js'
import type { Session } from '../program/program.js'
import { PartialFailure, printLine, printNote, toJson } from '../terminal/output.js'
import { type Position, type Progress, progressLine } from '../terminal/progress.js'
import { printable } from '../terminal/terminal.js'

/** The record that failed, as far as it is known. */
export interface FailedRecord {
  line?: number
  user?: string
  name?: string
}

/** The counts of a job, and its messages. */
export interface JobReport {
  readonly done: number
  readonly failures: number
  /** The number of records that an earlier run has done. */
  readonly alreadyDone: number
  addDone(count: number): void
  /** Counts a record that an earlier run has done. */
  addSkipped(): void
  /** Counts a record, already counted as done, that replaced another version. */
  addReplaced(): void
  /** Counts and prints a failure; resolves when the report file has it. */
  addFailure(record: FailedRecord, error: VaultError): Promise<void>
  /** Updates the progress line. */
  showProgress(position: Pick<Position, 'bytes' | 'totalBytes'>): void
  /** Prints a line for people, above the progress line. */
  note(text: string): void
  /** Prints the summary; throws if a record failed. */
  summarize(advice?: { done?: string; failed?: string }): Promise<void>
  /** Moves the report file to its path. Must be called whether the job succeeded or failed. */
  close(): Promise<void>
}

/** The flags of a command that reports. */
export interface JobReportFlags {
  report?: string
  json?: true
  force?: true
  resume?: true
}

const maxShownFailures = 20

/** Opens a report; `verb` says what the job does with the records: imported, exported. */
export async function openJobReport(verb: string, flags: JobReportFlags, { terminal }: Session): Promise<JobReport> {
  const { report, json } = flags
  const file = report === undefined ? undefined : await openReportFile(report, flags)
  const progress = progressLine(verb, terminal)
  const counts = { done: 0, failed: 0, skipped: 0, replaced: 0 }
  const startedAt = performance.now()
  const note = (text: string) => noteAbove(progress, text, terminal)
  return {
    get done() {
      return counts.done
    },
    get failures() {
      return counts.failed
    },
    get alreadyDone() {
      return counts.skipped
    },
    addDone(count) {
      counts.done += count
    },
    addSkipped() {
      counts.skipped += 1
    },
    addReplaced() {
      counts.replaced += 1
    },
    async addFailure(record, error) {
      counts.failed += 1
      // Printed before the write: other failures may overtake this one during it.
      if (counts.failed <= maxShownFailures) note(failureText(record, error))
      if (counts.failed === maxShownFailures + 1) note(moreFailuresText(report))
      await file?.append(failureLine(record, error))
    },
    showProgress: (position) => progress.show({ ...counts, ...position }),
    note,
    async summarize(advice = {}) {
      const seconds = (performance.now() - startedAt) / 1000
      const done = summaryText(verb, counts, seconds)
      if (json) await printLine(summaryJson(verb, counts, seconds), terminal, { done })
      else note(done)
      if (advice.done && counts.done + counts.skipped > 0) note(advice.done)
      if (counts.failed === 0) return
      if (advice.failed) note(advice.failed)
      throw new PartialFailure(`${counts.failed} failed${report === undefined ? '' : `; ${report} says why`}`)
    },
    async close() {
      progress.clear()
      await commitReport(file)
    },
  }
}

type Counts = Record<'done' | 'failed' | 'skipped' | 'replaced', number>

function summaryJson(verb: string, { done, failed, skipped, replaced }: Counts, seconds: number): string {
  const stores = verb === 'imported' ? { replaced } : {}
  return toJson({ [verb]: done, failed, skipped, ...stores, seconds: Math.round(seconds * 10) / 10 })
}

function summaryText(verb: string, { done, failed, skipped, replaced }: Counts, seconds: number): string {
  const rate = seconds >= 1 ? `, ${Math.round(done / seconds)}/s` : ''
  const more = [
    ...(replaced > 0 ? [`${replaced} of them replaced an existing record`] : []),
    ...(skipped > 0 ? [`${skipped} skipped, done by an earlier run`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ]
  return [`${done} ${verb} in ${seconds.toFixed(1)} s${rate}`, ...more].join('; ')
}

function noteAbove(progress: Progress, text: string, terminal: Session['terminal']): void {
  progress.clear()
  printNote(text, terminal)
}

function failureText({ line, user = '', name = '' }: FailedRecord, { reason, message }: VaultError): string {
  const record = `record ${printable(name === '' ? '(unnamed)' : name)} of user ${printable(user)}`
  return `${line === undefined ? record : `line ${line}`}: ${reason}: ${printable(message)}`
}

function moreFailuresText(report: string | undefined): string {
  return `... and more${report === undefined ? '; --report FILE lists them all' : `: ${report} will list them all`}`
}

function failureLine(record: FailedRecord, { reason, message, requestId }: VaultError): string {
  return `${toJson({ ...record, reason, message, ...(requestId && { request_id: requestId }) })}\n`
}

/** The new report replaces the report of an earlier run, but not a file that was created during this run. */
async function openReportFile(path: string, { force, resume }: JobReportFlags): Promise<AtomicFile> {
  const flag = '--report'
  const exists = await fileExists({ path, flag })
  if (exists && !force && !resume) throw invalidField(flag, `${path} exists: remove it, or name another`)
  return openAtomicFile({ path, flag, replace: exists })
}

async function commitReport(file: AtomicFile | undefined): Promise<void> {
  try {
    await file?.commit(Buffer.alloc(0))
  } finally {
    await file?.discard()
  }
}
