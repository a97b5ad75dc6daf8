// What became of an earlier try of a store that is made again (ADR 14). The row is read before the note of deletes, as a
// delete notes before it removes: so of a write that was done and deleted since, one of the two still tells.
import type { Clock } from '../../core/clock.js'
import type { SealedRecord, StoredEnvelope } from '../../gen/encserver/v1/backend.js'
import type { Store, StoreCall } from '../store/store.js'
import { deletesSince } from './delete-watermark.js'
import { userPseudonymOf } from './record-id.js'
import { mayHaveForgotten, priorResult } from './write-rules.js'

export interface PriorAttempt {
  /** It was done, and the row knows. */
  done: StoredEnvelope | undefined
  /** It may have been done though the row does not know. */
  perhapsDone: boolean
}

/** Of a first try. */
export const firstAttempt: PriorAttempt = { done: undefined, perhapsDone: false }

/** How long ago it was is counted back from the arrival of a call, which may have been on its way for as long as it has. */
const defaultDeadlineMs = 30_000
/** Between back ends on one database. */
const clocksDifferMs = 30_000
const leewayMs = defaultDeadlineMs + clocksDifferMs

/** Since when there may have been an earlier try; undefined: there was none. To be asked when the call has just arrived. */
export function triedSince(clock: Clock, triedMsAgo: number): Date | undefined {
  // Deletes are noted by a clock that is never behind: to find them, this one must not be ahead.
  return triedMsAgo === 0 ? undefined : new Date(clock.forRemoving().getTime() - triedMsAgo - leewayMs)
}

interface Where {
  store: Store
  clock: Clock
}

export interface Tried {
  record: SealedRecord
  /** Since when there may have been an earlier try; undefined: there was none. */
  since: Date | undefined
}

/** Looks in the store. */
export async function priorAttempt(
  { store, clock }: Where,
  { record, since }: Tried,
  call: StoreCall,
): Promise<PriorAttempt> {
  const row = await store.getRecordHeader(record.recordId, call)
  const done = priorResult(row, record)
  if (done || since === undefined) return { done, perhapsDone: false }
  if (row && mayHaveForgotten(row, since)) return { done, perhapsDone: true }
  const asked = { userPseudonym: userPseudonymOf(record.recordId), since, now: clock.forRefusing() }
  return { done, perhapsDone: await deletesSince(store, asked, call) }
}
