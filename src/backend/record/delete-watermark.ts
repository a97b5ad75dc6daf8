// The delete watermark of a user, in place of tombstones: records of this user may have been deleted
// until this time (ADR 14). A removed row leaves no trace, so each delete raises the watermark first; a retried store
// reads it and does not write a deleted record again.
//
// The watermark lies ahead of the clock, so that one write of the watermark serves many deletes of a user.
// `recordDelete` ensures that the watermark is at least `minAheadMs` ahead, so the row must be removed within that
// time.
import { VaultError } from '../../core/errors.js'
import type { DeleteWatermark, Store, StoreCall } from '../store/store.js'
import { userPseudonymOf } from './record-id.js'

const aheadMs = 60_000
/** How long after `recordDelete` a row may be removed, in milliseconds. */
export const minAheadMs = 30_000

/**
 * A watermark further ahead is damaged, or comes from a clock that was ahead. Its true time is unknown, so it counts as
 * now until it is overwritten.
 */
const maxAheadMs = aheadMs + 3_600_000

/**
 * Raises the watermark before a delete of the row. Returns whether the row exists: without a row there is nothing to
 * delete, and the watermark may stay lower.
 */
export async function recordDelete(
  store: Store,
  { recordId, now }: { recordId: Buffer; now: Date },
  call: StoreCall,
): Promise<boolean> {
  const userPseudonym = userPseudonymOf(recordId)
  const watermark = await store.getDeleteWatermark(userPseudonym, call)
  const nowMs = now.getTime()
  if (isAtLeast(watermark, nowMs + minAheadMs) && !isAtLeast(watermark, nowMs + maxAheadMs)) return true
  if (!(await rowExists(store, recordId, call))) return false
  await store.raiseDeleteWatermark(watermarkAt(userPseudonym, nowMs), call)
  return true
}

/** True for a damaged row too: it can be deleted. */
async function rowExists(store: Store, recordId: Buffer, call: StoreCall): Promise<boolean> {
  try {
    return (await store.getRecordHeader(recordId, call)) !== undefined
  } catch (error) {
    if (error instanceof VaultError && error.reason === 'RECORD_CORRUPT') return true
    throw error
  }
}

function watermarkAt(userPseudonym: Buffer, nowMs: number): DeleteWatermark {
  return { userPseudonym, until: new Date(nowMs + aheadMs), maxUntil: new Date(nowMs + maxAheadMs) }
}

/** Whether a record of the user may have been deleted since that time. Overwrites a watermark too far ahead. */
export async function deletesSince(
  store: Store,
  { userPseudonym, since, now }: { userPseudonym: Buffer; since: Date; now: Date },
  call: StoreCall,
): Promise<boolean> {
  const watermark = await store.getDeleteWatermark(userPseudonym, call)
  const nowMs = now.getTime()
  if (isAtLeast(watermark, nowMs + maxAheadMs)) {
    await store.raiseDeleteWatermark(watermarkAt(userPseudonym, nowMs), call)
  }
  return isAtLeast(watermark, since.getTime())
}

function isAtLeast(watermark: Date | undefined, ms: number): boolean {
  return watermark !== undefined && watermark.getTime() >= ms
}
