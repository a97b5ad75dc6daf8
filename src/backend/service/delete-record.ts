// Removes a record under each of its ids, the oldest first: a crash in between leaves the newest, which is the record,
// and never an older row without the one that hid it.
import type { Clock } from '../../core/clock.js'
import { VaultError } from '../../core/errors.js'
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import { leastAheadMs, recordDelete } from '../record/delete-watermark.js'
import { keyIdOf } from '../record/envelope-header.js'
import { findRecord } from '../record/find-record.js'
import type { DeleteTarget, Store, StoreCall } from '../store/store.js'

interface Where {
  store: Store
  /** A record that has expired by it is not there. */
  clock: Clock
}

export interface RecordRemoval {
  /** Newest first. */
  recordIds: Buffer[]
  user: UserDocument
  /** What the first hit must have; undefined removes any. */
  expectKeyId: Buffer | undefined
  /** Told of each row that is gone. */
  gone(row: SealedRecord): Promise<void>
}

/**
 * The ids to remove under. With an expectation they end at the first hit: a row that appears under a newer id meanwhile
 * was not meant.
 */
async function idsToRemove({ store, clock }: Where, removal: RecordRemoval, call: StoreCall): Promise<Buffer[]> {
  const { recordIds, expectKeyId } = removal
  if (recordIds.length === 1) return recordIds
  const hit = await findRecord(store.getRecordHeader, { ...removal, now: clock.forRefusing() }, call)
  if (hit === undefined) return []
  if (expectKeyId === undefined) return recordIds
  if (!keyIdOf(hit).equals(expectKeyId)) throw new VaultError('PRECONDITION_FAILED')
  return recordIds.slice(recordIds.findIndex((id) => id.equals(hit.recordId)))
}

/** Removes a row that its user's note covers: for no longer than the note is sure to. */
async function removeRow(
  { store, clock }: Where,
  target: Omit<DeleteTarget, 'now'>,
  { signal, deadline }: StoreCall,
): Promise<SealedRecord | undefined> {
  const covered = { signal, deadline: Math.min(deadline, Date.now() + leastAheadMs) }
  const now = clock.forRefusing()
  const isThere = await recordDelete(store, { recordId: target.recordId, now }, covered)
  return isThere ? store.deleteRecord({ ...target, now }, covered) : undefined
}

/** Returns whether there was one; throws PRECONDITION_FAILED, with nothing removed, when it has another key id. */
export async function deleteRecord(where: Where, removal: RecordRemoval, call: StoreCall): Promise<boolean> {
  const ids = await idsToRemove(where, removal, call)
  const { userUid } = removal.user
  let removed = false
  for (const [at, recordId] of [...ids.entries()].reverse()) {
    // Only the newest is the record; those behind it go whatever they are.
    const expectKeyId = at === 0 ? removal.expectKeyId : undefined
    const row = await removeRow(where, { recordId, userUid, expectKeyId }, call)
    if (row === undefined) continue
    removed = true
    await removal.gone(row)
  }
  return removed
}
