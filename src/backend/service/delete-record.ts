// The removal of a record under each of its ids, oldest first. A crash in between leaves the newest row, which is the
// record; it never leaves an older row without the newer one that hides it.
import { VaultError } from '../../core/errors.js'
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import { minAheadMs, recordDelete } from '../record/delete-watermark.js'
import { keyIdOf } from '../record/envelope-header.js'
import { findRecord } from '../record/find-record.js'
import type { DeleteTarget, StoreCall, StoreContext } from '../store/store.js'

/** The record to remove. */
export interface RecordRemoval {
  /** Newest first. */
  recordIds: Buffer[]
  user: UserDocument
  /** The key id that the record must have; undefined removes any. */
  expectKeyId: Buffer | undefined
  /** Called after each removed row. */
  onRemoved(row: SealedRecord): Promise<void>
}

/**
 * The ids to remove, newest first. With an expected key id they begin at the record found: a row that appears under a
 * newer id meanwhile is another version than the caller expects.
 */
async function idsToRemove({ store, clock }: StoreContext, removal: RecordRemoval, call: StoreCall): Promise<Buffer[]> {
  const { recordIds, expectKeyId } = removal
  if (recordIds.length === 1) return recordIds
  const hit = await findRecord(store.getRecordHeader, { ...removal, now: clock.forRefusing() }, call)
  if (hit === undefined) return []
  if (expectKeyId === undefined) return recordIds
  if (!keyIdOf(hit).equals(expectKeyId)) throw new VaultError('PRECONDITION_FAILED')
  return recordIds.slice(recordIds.findIndex((id) => id.equals(hit.recordId)))
}

/** Raises the user's delete watermark and removes the row, within the time that the watermark covers. */
async function removeRow(
  { store, clock }: StoreContext,
  target: Omit<DeleteTarget, 'now'>,
  { signal, deadline }: StoreCall,
): Promise<SealedRecord | undefined> {
  const covered = { signal, deadline: Math.min(deadline, Date.now() + minAheadMs) }
  const now = clock.forRefusing()
  const exists = await recordDelete(store, { recordId: target.recordId, now }, covered)
  return exists ? store.deleteRecord({ ...target, now }, covered) : undefined
}

/**
 * Removes the record; returns whether it existed. Throws PRECONDITION_FAILED, with nothing removed, when its key id is
 * not the expected one.
 */
export async function deleteRecord(context: StoreContext, removal: RecordRemoval, call: StoreCall): Promise<boolean> {
  const ids = await idsToRemove(context, removal, call)
  const { userUid } = removal.user
  let removed = false
  for (const [at, recordId] of [...ids.entries()].reverse()) {
    // Only the newest row is the record; the rows behind it go, whatever their key ids are.
    const expectKeyId = at === 0 ? removal.expectKeyId : undefined
    const row = await removeRow(context, { recordId, userUid, expectKeyId }, call)
    if (row === undefined) continue
    removed = true
    await removal.onRemoved(row)
  }
  return removed
}
