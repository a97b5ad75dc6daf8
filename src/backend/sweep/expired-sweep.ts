// Removes what has expired, with its versions, and versions that a crash or a slow writer has left behind (versions.ts).
// It goes by the reading of the clock that is for removing, and every removal is a compare-and-set: several back ends on
// one database may sweep at once.
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

export interface SweepOptions extends PrunerOptions {
  clock: Clock
  /** Told of what went wrong; the next pass tries again. */
  onError(error: unknown): void
  /** Told after a pass how many expired records it removed, if any. */
  onRemoved?: (records: number) => void
}

export interface Sweep {
  /** Resolves when the pass under way, if any, has ended. */
  stop(): Promise<void>
}

/** Records looked at at once. */
const batchRecords = 64
/** Kept versions looked at in one pass, in turn: those left behind are few, and hidden for as long as they lie there. */
const passVersions = 256
const passMs = 600_000
/** So many damaged records in one pass, and the rest has to wait. */
const maxUnreadable = 4096

/** Begins to sweep, the first time after the interval; `begins` is called before each pass. */
export function startSweep(options: SweepOptions & { intervalMs: number; begins?: () => void }): Sweep {
  const { intervalMs, onError: failed, begins = () => undefined } = options
  const stopping = new AbortController()
  const { signal } = stopping
  setMaxListeners(0, signal) // every command of a pass listens to it
  const pass = sweepPass(options)

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined)
      begins()
      if (!signal.aborted) await pass({ deadline: Date.now() + passMs, signal }).catch(tell)
    }
  }

  function tell(error: unknown): void {
    if (!signal.aborted) failed(error)
  }

  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** A function that makes one pass: all that has expired, and the next of the kept versions. */
export function sweepPass(options: SweepOptions): (call: StoreCall) => Promise<void> {
  const { store, clock } = options
  const { swept, tell } = recordByRecord(options)
  let after: Buffer | undefined // where the walk through the kept versions has come to

  async function sweepDue(call: StoreCall): Promise<void> {
    const unreadable = new Set<string>() // they stay due, and are passed over until the next pass
    let before: string | undefined
    for (;;) {
      const by = clock.forRemoving()
      const found = await store.listDue({ by, limit: batchRecords + unreadable.size }, call)
      const due = found.filter((each) => !unreadable.has(nameOf(each)))
      await all(due.map((each) => sweepOne(each, by)))
      const first = due[0] && nameOf(due[0])
      // What could not be removed waits for the next pass, or this one would never end.
      if (due.length < batchRecords || first === before || unreadable.size > maxUnreadable) return
      before = first
    }

    async function sweepOne(each: DueRecord, by: Date): Promise<void> {
      if (await swept(each.recordId, by, call)) await store.clearDue(each, call)
      else unreadable.add(nameOf(each))
    }
  }

  async function sweepVersions(call: StoreCall): Promise<void> {
    const { recordIds, next } = await store.versionedRecords({ after, limit: passVersions }, call)
    for (const recordId of recordIds) await swept(recordId, clock.forRemoving(), call)
    after = next
  }

  return async (call) => {
    if (store.health() !== 'ready') return // the store has said so, and says when it is
    await sweepDue(call)
      .then(() => sweepVersions(call))
      .finally(tell)
  }
}

function nameOf({ recordId, mark }: DueRecord): string {
  return recordId.toString('latin1') + mark.toString('latin1')
}

/** Waits for all of them; rejects as the first that failed. */
async function all(work: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected')
  if (failed) throw (failed as PromiseRejectedResult).reason
}

/** A record that cannot be read stays as it is, and stops no other. */
function recordByRecord(options: SweepOptions) {
  const { onError: failed, onRemoved: removed = () => undefined } = options
  const sweepRecord = recordSweep(options)
  let records = 0
  return {
    /** Returns whether it could be read. */
    async swept(recordId: Buffer, now: Date, call: StoreCall): Promise<boolean> {
      try {
        if (await sweepRecord(recordId, now, call)) records += 1
        return true
      } catch (error) {
        if (!isCorrupt(error)) throw error
        failed(error)
        return false
      }
    },
    tell(): void {
      if (records > 0) removed(records)
      records = 0
    },
  }
}

/** Removes what has expired of a record, and its dead versions; returns whether that was the record itself. */
function recordSweep(options: PrunerOptions) {
  const { store } = options
  const letGo = pruner(options)

  return async (recordId: Buffer, now: Date, call: StoreCall): Promise<boolean> => {
    const versions = await store.listVersions({ recordId }, call) // before the row: versions.ts has why
    const row = await store.getRecordHeader(recordId, call)
    if (row === undefined || !isExpired(row, now)) {
      const over = versions.filter((version) => isOver(version, { current: row, now }))
      await letGo.removeVersions(over, call)
      return false
    }
    const removed = await removeRow(store, row, call)
    if (removed === undefined) return false
    await letGo.removeVersions(versions, call)
    await letGo.afterRemove(removed, call)
    return true
  }
}

/** Undefined when it was replaced meanwhile. */
async function removeRow(store: Store, row: SealedRecord, call: StoreCall): Promise<SealedRecord | undefined> {
  const target = { recordId: row.recordId, userUid: row.userUid, expectKeyId: keyIdOf(row), now: undefined }
  try {
    return await store.deleteRecord(target, call)
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'PRECONDITION_FAILED') return undefined
    throw error
  }
}
