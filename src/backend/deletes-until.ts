// What a store that is repeated must not do: bring back a record that its first try had written and somebody has deleted
// since. A row that is gone says nothing of what it was, so it is noted before each delete until when there are deletes
// of the user's records (ADR 14). The time is ahead, so that many deletes of a user need one note, and by at least
// `leastAheadMs`: that long after its note a row may still be removed.
import { VaultError } from '../core/errors.js'
import { userPseudonymOf } from './record-id.js'
import type { Store, StoreCall } from './store.js'

const aheadMs = 60_000
export const leastAheadMs = 30_000

/** Before a row is deleted. Returns whether there is one: else nothing is noted, and nothing is to be deleted. */
export async function noteDelete(
  store: Pick<Store, 'deletesUntil' | 'noteDeletes' | 'getRecordHeader'>,
  { recordId, now }: { recordId: Buffer; now: Date },
  call: StoreCall,
): Promise<boolean> {
  const userPseudonym = userPseudonymOf(recordId)
  const noted = await store.deletesUntil(userPseudonym, call)
  if (isAfter(noted, now.getTime() + leastAheadMs)) return true
  if (!(await isThere(store, recordId, call))) return false
  await store.noteDeletes({ userPseudonym, until: new Date(now.getTime() + aheadMs) }, call)
  return true
}

/** A damaged row is one that can be deleted. */
async function isThere(store: Pick<Store, 'getRecordHeader'>, recordId: Buffer, call: StoreCall): Promise<boolean> {
  try {
    return (await store.getRecordHeader(recordId, call)) !== undefined
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'RECORD_CORRUPT') return true
    throw error
  }
}

/** Whether a record of the user may have been deleted since then. */
export async function deletesSince(
  store: Pick<Store, 'deletesUntil'>,
  { userPseudonym, since }: { userPseudonym: Buffer; since: Date },
  call: StoreCall,
): Promise<boolean> {
  return isAfter(await store.deletesUntil(userPseudonym, call), since.getTime())
}

function isAfter(noted: Date | undefined, ms: number): boolean {
  return noted !== undefined && noted.getTime() >= ms
}
