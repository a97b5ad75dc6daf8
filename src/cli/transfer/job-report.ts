// What came of many records: counted, each failure reported, all summed up at the end.
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { invalidField, type VaultError } from '../../core/errors.js'
import { isThere } from '../files/append-file.js'
import { type AtomicFile, openAtomicFile } from '../files/atomic-file.js'
import type { Session } from '../program/program.js'
import { PartialFailure, printLine, printNote, toJson } from '../terminal/output.js'
import { type Position, type Progress, progressLine } from '../terminal/progress.js'
import { printable } from '../terminal/terminal.js'

/** Which record failed: all that is known of it. */
export interface Failed {
  line?: number
  user?: string
  name?: string
}

export interface JobReport {
  readonly done: number
  readonly failures: number
  /** Skipped, as an earlier run did them. */
  readonly alreadyThere: number
  succeeded(count: number): void
  skipped(): void
  /** Stored where a record was already. */
  replaced(): void
  failed(which: Failed, error: VaultError): Promise<void>
  /** Shows how far it is. */
  at(position: Pick<Position, 'bytes' | 'totalBytes'>): void
  /** A line for people, above the progress. */
  note(text: string): void
  /** Prints what came of it all; throws when something failed. */
  sum(advice?: { done?: string; failed?: string }): void
  /** Puts the report in place; must be called however it ended. */
  close(): Promise<void>
}

export interface JobReportFlags {
  report?: string
  json?: true
  force?: true
  resume?: true
}

const shownFailures = 20

/** `verb` is what is done with the records: imported, exported. */
export async function openJobReport(verb: string, flags: JobReportFlags, { terminal }: Session): Promise<JobReport> {
  const { report, json } = flags
  const file = report === undefined ? undefined : await openReport(report, flags)
  const progress = progressLine(verb, terminal)
  const count = { done: 0, failed: 0, skipped: 0, replaced: 0 }
  const startedAt = performance.now()
  const note = (text: string) => noteAbove(progress, text, terminal)
  return {
    get done() {
      return count.done
    },
    get failures() {
      return count.failed
    },
    get alreadyThere() {
      return count.skipped
    },
    succeeded(more) {
      count.done += more
    },
    skipped() {
      count.skipped += 1
    },
    replaced() {
      count.replaced += 1
    },
    async failed(which, error) {
      count.failed += 1
      // Before it is written down, while others may fail and overtake it.
      if (count.failed <= shownFailures) note(failureText(which, error))
      if (count.failed === shownFailures + 1) note(moreFailures(report))
      await file?.append(reportLine(which, error))
    },
    at: (position) => progress.show({ ...count, ...position }),
    note,
    sum(advice = {}) {
      const seconds = (performance.now() - startedAt) / 1000
      if (json) printLine(summaryJson(verb, count, seconds), terminal)
      else note(summary(verb, count, seconds))
      if (advice.done && count.done + count.skipped > 0) note(advice.done)
      if (count.failed === 0) return
      if (advice.failed) note(advice.failed)
      throw new PartialFailure(`${count.failed} failed${report === undefined ? '' : `; ${report} says why`}`)
    },
    async close() {
      progress.clear()
      await keep(file)
    },
  }
}

type Count = Record<'done' | 'failed' | 'skipped' | 'replaced', number>

function summaryJson(verb: string, { done, failed, skipped, replaced }: Count, seconds: number): string {
  const stores = verb === 'imported' ? { replaced } : {}
  return toJson({ [verb]: done, failed, skipped, ...stores, seconds: Math.round(seconds * 10) / 10 })
}

function summary(verb: string, { done, failed, skipped, replaced }: Count, seconds: number): string {
  const rate = seconds >= 1 ? `, ${Math.round(done / seconds)}/s` : ''
  const more = [
    ...(replaced > 0 ? [`${replaced} of them replaced a record that was there`] : []),
    ...(skipped > 0 ? [`${skipped} were there from an earlier run`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ]
  return [`${done} ${verb} in ${seconds.toFixed(1)} s${rate}`, ...more].join('; ')
}

function noteAbove(progress: Progress, text: string, terminal: Session['terminal']): void {
  progress.clear()
  printNote(text, terminal)
}

/** Where the failure is, in words. */
function failureText({ line, user = '', name = '' }: Failed, { reason, message }: VaultError): string {
  const record = `record ${printable(name === '' ? '(unnamed)' : name)} of user ${printable(user)}`
  return `${line === undefined ? record : `line ${line}`}: ${reason}: ${printable(message)}`
}

function moreFailures(report: string | undefined): string {
  return `... and more${report === undefined ? '; --report FILE lists them all' : `: ${report} will list them all`}`
}

function reportLine(which: Failed, { reason, message, requestId }: VaultError): string {
  return `${toJson({ ...which, reason, message, ...(requestId && { request_id: requestId }) })}\n`
}

/** Only what is there already, the report of an earlier run, is replaced: not what appears meanwhile. */
async function openReport(path: string, { force, resume }: JobReportFlags): Promise<AtomicFile> {
  const flag = '--report'
  const there = await isThere({ path, flag })
  if (there && !force && !resume) throw invalidField(flag, `${path} exists: remove it, or name another`)
  return openAtomicFile({ path, flag, replace: there })
}

async function keep(file: AtomicFile | undefined): Promise<void> {
  try {
    await file?.commit(Buffer.alloc(0))
  } finally {
    await file?.discard()
  }
}

/** Refuses a file that would be written over another one in use. */
export async function refuseSameFile(written: { flag: string; path?: string }, others: (string | undefined)[]) {
  const own = written.path === undefined ? undefined : await identity(written.path)
  for (const other of others) {
    if (own === undefined || other === undefined || (await identity(other)) !== own) continue
    throw invalidField(written.flag, `${written.path} is in use for something else`)
  }
}

/** A file that is not there yet is known by where it will be. */
async function identity(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined)
  return there ? `${there.dev}:${there.ino}` : resolve(path)
}
