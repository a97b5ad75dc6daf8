// Look-up of a user or a record under several pseudonym keys. With n live keys a user has n pseudonyms and a record n
// ids, newest first. The first hit counts; an older row behind it is a leftover of an unfinished key rotation.
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { Store, StoreCall } from '../store/store.js'
import { isExpired } from './expiry.js'

/** The user document under the newest pseudonym that has one. */
export async function findUser(store: Store, pseudonyms: Buffer[], call: StoreCall): Promise<UserDocument | undefined> {
  for (const pseudonym of pseudonyms) {
    const user = await store.getUser(pseudonym, call)
    if (user) return user
  }
  return undefined
}

/** Which record to find, and for which user. */
export interface RecordQuery {
  /** Newest first. */
  recordIds: Buffer[]
  /** Rows of another life of the user are not hits. A promise lets the record be read at the same time. */
  user: UserDocument | undefined | Promise<UserDocument | undefined>
  /** A hit that has expired by then counts as absent, and still hides the rows behind it. */
  now: Date
}

/** A read method of the store. */
export type ReadRecord = Store['getRecord']

/** The record under the newest id that belongs to this life of the user. */
export async function findRecord(
  read: ReadRecord,
  { recordIds, user, now }: RecordQuery,
  call: StoreCall,
): Promise<SealedRecord | undefined> {
  for (const recordId of recordIds) {
    const [record, owner] = await Promise.all([read(recordId, call), user])
    if (owner === undefined) return undefined
    if (record?.userUid.equals(owner.userUid)) return isExpired(record, now) ? undefined : record
  }
  return undefined
}
