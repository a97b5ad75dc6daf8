// What a store that is repeated must not do: bring back a record that its first try had written and somebody has deleted
// since. A row that is gone says nothing of what it was, so it is noted before each delete until when there are deletes
// of the user's records (ADR 14). The time is ahead, so that many deletes of a user need one note, and by at least
// `leastAheadMs`: that long after its note a row may still be removed.
import { VaultError } from '../../core/errors.js'
import type { DeletesNote, Store, StoreCall } from '../store/store.js'
import { userPseudonymOf } from './record-id.js'

const aheadMs = 60_000
export const leastAheadMs = 30_000

/**
 * One that is further ahead was noted while a clock was, or is damaged. Until it is written over it counts as now, as
 * nobody knows what it was.
 */
const believedMs = aheadMs + 3_600_000

/** Before a row is deleted. Returns whether there is one: else nothing is noted, and nothing is to be deleted. */
export async function recordDelete(
  store: Store,
  { recordId, now }: { recordId: Buffer; now: Date },
  call: StoreCall,
): Promise<boolean> {
  const userPseudonym = userPseudonymOf(recordId)
  const noted = await store.deletesUntil(userPseudonym, call)
  const nowMs = now.getTime()
  if (isAfter(noted, nowMs + leastAheadMs) && !isAfter(noted, nowMs + believedMs)) return true
  if (!(await isThere(store, recordId, call))) return false
  await store.noteDeletes(noteOf(userPseudonym, nowMs), call)
  return true
}

/** A damaged row is one that can be deleted. */
async function isThere(store: Store, recordId: Buffer, call: StoreCall): Promise<boolean> {
  try {
    return (await store.getRecordHeader(recordId, call)) !== undefined
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'RECORD_CORRUPT') return true
    throw error
  }
}

function noteOf(userPseudonym: Buffer, nowMs: number): DeletesNote {
  return { userPseudonym, until: new Date(nowMs + aheadMs), latest: new Date(nowMs + believedMs) }
}

/** Whether a record of the user may have been deleted since then. A note that is not believed is written over. */
export async function deletesSince(
  store: Store,
  { userPseudonym, since, now }: { userPseudonym: Buffer; since: Date; now: Date },
  call: StoreCall,
): Promise<boolean> {
  const noted = await store.deletesUntil(userPseudonym, call)
  const nowMs = now.getTime()
  if (isAfter(noted, nowMs + believedMs)) await store.noteDeletes(noteOf(userPseudonym, nowMs), call)
  return isAfter(noted, since.getTime())
}

function isAfter(noted: Date | undefined, ms: number): boolean {
  return noted !== undefined && noted.getTime() >= ms
}
