// The sweep of expired records: removes them with their versions, and removes versions that a crash or a slow writer
// has left behind (versions.ts). It uses the clock reading for removals, and every removal is a compare-and-set, so
// several back ends on one database may sweep at once.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../../core/clock.js'
import { isCorrupt, VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../record/envelope-header.js'
import { isExpired } from '../record/expiry.js'
import { type PrunerOptions, pruner } from '../record/prune.js'
import { isOver } from '../record/versions.js'
import type { DueRecord, Store, StoreCall } from '../store/store.js'

/** The store to sweep, and the listeners for the results. */
export interface SweepOptions extends PrunerOptions {
  clock: Clock
  /** Called with each error; the next pass tries again. */
  onError(error: unknown): void
  /** Called after a pass with the number of records it removed, unless that is 0. */
  onRemoved?: (records: number) => void
}

/** When to sweep. */
export interface SweepTiming {
  /** The pause before the first pass, and between passes. */
  intervalMs: number
  /** Called before each pass. */
  beforePass?: () => void
}

/** A sweep that runs in the background. */
export interface Sweep {
  /** Resolves when the pass under way, if any, has ended. */
  stop(): Promise<void>
}

/** Records swept concurrently. */
const batchRecords = 64
/** Kept versions checked in one pass, in rotation. Leftover versions are few, and readers never see them. */
const passVersions = 256
const passMs = 600_000
/** A pass ends when it has met more damaged records than this. */
const maxUnreadable = 4096

/** Starts to sweep in the background. */
export function startSweep(options: SweepOptions & SweepTiming): Sweep {
  const { intervalMs, onError, beforePass = () => undefined } = options
  const stopping = new AbortController()
  const { signal } = stopping
  setMaxListeners(0, signal) // each command of a pass adds a listener
  const pass = sweepPass(options)

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined)
      beforePass()
      if (!signal.aborted) await pass({ deadline: Date.now() + passMs, signal }).catch(report)
    }
  }

  function report(error: unknown): void {
    if (!signal.aborted) onError(error)
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** A function that makes one pass over everything that has expired, and over the next batch of kept versions. */
export function sweepPass(options: SweepOptions): (call: StoreCall) => Promise<void> {
  const { store, clock } = options
  const { trySweep, report } = recordSweeper(options)
  let after: Buffer | undefined // the end of the previous page of kept versions

  async function sweepDue(call: StoreCall): Promise<void> {
    const unreadable = new Set<string>() // these stay due; the pass skips them
    let previous: string | undefined
    for (;;) {
      const by = clock.forRemoving()
      const found = await store.listDue({ by, limit: batchRecords + unreadable.size }, call)
      const due = found.filter((entry) => !unreadable.has(textOf(entry)))
      await settleAll(due.map((entry) => sweepEntry(entry, by)))
      const first = due[0] && textOf(due[0])
      // An entry that could not be removed waits for the next pass; otherwise this pass would never end.
      if (due.length < batchRecords || first === previous || unreadable.size > maxUnreadable) return
      previous = first
    }

    async function sweepEntry(entry: DueRecord, by: Date): Promise<void> {
      if (await trySweep(entry.recordId, by, call)) await store.clearDue(entry, call)
      else unreadable.add(textOf(entry))
    }
  }

  async function sweepVersions(call: StoreCall): Promise<void> {
    const { recordIds, next } = await store.versionedRecords({ after, limit: passVersions }, call)
    for (const recordId of recordIds) await trySweep(recordId, clock.forRemoving(), call)
    after = next
  }

  return async (call) => {
    if (store.health() !== 'ready') return // the store reports its health itself
    await sweepDue(call)
      .then(() => sweepVersions(call))
      .finally(report)
  }
}

function textOf({ recordId, mark }: DueRecord): string {
  return recordId.toString('latin1') + mark.toString('latin1')
}

/** Waits for all of the work; rejects with the error of the first that failed. */
async function settleAll(work: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
}

/** Sweeps records and counts removals. A damaged record stays as it is and delays no other. */
function recordSweeper(options: SweepOptions) {
  const { onError, onRemoved = () => undefined } = options
  const sweepRecord = recordSweep(options)
  let records = 0
  return {
    /** Returns whether the record could be read. */
    async trySweep(recordId: Buffer, now: Date, call: StoreCall): Promise<boolean> {
      try {
        if (await sweepRecord(recordId, now, call)) records += 1
        return true
      } catch (error) {
        if (!isCorrupt(error)) throw error
        onError(error)
        return false
      }
    },
    report(): void {
      if (records > 0) onRemoved(records)
      records = 0
    },
  }
}

/** Removes a record's expired row and its dead versions; returns whether the row was removed. */
function recordSweep(options: PrunerOptions) {
  const { store } = options
  const prune = pruner(options)

  return async (recordId: Buffer, now: Date, call: StoreCall): Promise<boolean> => {
    const versions = await store.listVersions({ recordId }, call) // before the row: versions.ts explains why
    const row = await store.getRecordHeader(recordId, call)
    if (row === undefined || !isExpired(row, now)) {
      const over = versions.filter((version) => isOver(version, { current: row, now }))
      await prune.removeVersions(over, call)
      return false
    }
    const removed = await removeRow(store, row, call)
    if (removed === undefined) return false
    await prune.removeVersions(versions, call)
    await prune.afterRemove(removed, call)
    return true
  }
}

/** Removes the row; undefined when it was replaced meanwhile. */
async function removeRow(store: Store, row: SealedRecord, call: StoreCall): Promise<SealedRecord | undefined> {
  const target = { recordId: row.recordId, userUid: row.userUid, expectKeyId: keyIdOf(row), now: undefined }
  try {
    return await store.deleteRecord(target, call)
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'PRECONDITION_FAILED') return undefined
    throw error
  }
}
