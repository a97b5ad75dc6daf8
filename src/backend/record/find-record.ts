// Several pseudonym keys may be alive: a user then has a pseudonym, and a record an id, for each. They come newest first,
// and the first hit counts; an older row behind it is a leftover of an unfinished move.
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { Store, StoreCall } from '../store/store.js'
import { isExpired } from './expiry.js'

/** The user under the newest pseudonym that has one. */
export async function findUser(store: Store, pseudonyms: Buffer[], call: StoreCall): Promise<UserDocument | undefined> {
  for (const pseudonym of pseudonyms) {
    const user = await store.getUser(pseudonym, call)
    if (user) return user
  }
  return undefined
}

export interface RecordQuery {
  /** Newest first. */
  recordIds: Buffer[]
  /** Rows of another life are not hits. It may be on its way: the record is read at the same time. */
  user: UserDocument | undefined | Promise<UserDocument | undefined>
  /** A hit that has expired by then is no record, and hides what is behind it all the same. */
  now: Date
}

/** A way of the store to read one. */
export type ReadRecord = Store['getRecord']

/** The record under the newest id that has one of this life of the user. */
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
