// Removes a record under each of its ids, the oldest first: a crash in between leaves the newest, which is the record,
// and never an older row without the one that hid it.
import { VaultError } from '../core/errors.js'
import type { SealedRecord, UserDocument } from '../gen/encserver/v1/backend.js'
import { keyIdOf } from './envelope-header.js'
import { findRecord } from './first-hit.js'
import type { Store, StoreCall } from './store.js'

export interface RecordRemoval {
  /** Newest first. */
  recordIds: Buffer[]
  user: UserDocument
  /** What the first hit must have; undefined removes any. */
  expectKeyId: Buffer | undefined
  /** A record that has expired by then is not there. */
  now: Date
  /** Told of each row that is gone. */
  gone(row: SealedRecord): Promise<void>
}

/**
 * The ids to remove under. With an expectation they end at the first hit: a row that appears under a newer id meanwhile
 * was not meant.
 */
async function idsToRemove(store: Store, removal: RecordRemoval, call: StoreCall): Promise<Buffer[]> {
  const { recordIds, expectKeyId } = removal
  if (recordIds.length === 1) return recordIds
  const hit = await findRecord(store.getRecordHeader, removal, call)
  if (hit === undefined) return []
  if (expectKeyId === undefined) return recordIds
  if (!keyIdOf(hit).equals(expectKeyId)) throw new VaultError('PRECONDITION_FAILED')
  return recordIds.slice(recordIds.findIndex((id) => id.equals(hit.recordId)))
}

/** Returns whether there was one; throws PRECONDITION_FAILED, with nothing removed, when it has another key id. */
export async function removeRecord(store: Store, removal: RecordRemoval, call: StoreCall): Promise<boolean> {
  const ids = await idsToRemove(store, removal, call)
  const { now, gone } = removal
  const { userUid } = removal.user
  let removed = false
  for (const [at, recordId] of [...ids.entries()].reverse()) {
    // Only the newest is the record; those behind it go whatever they are.
    const expectKeyId = at === 0 ? removal.expectKeyId : undefined
    const row = await store.deleteRecord({ recordId, userUid, expectKeyId, now }, call)
    if (row === undefined) continue
    removed = true
    await gone(row)
  }
  return removed
}
