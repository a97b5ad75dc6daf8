// The collections of a store. They stand apart so that user documents, which hold the wrapped keys, can have backups of
// their own. Every access of a call is a point or a range on `_id`; only the sweep has an index of its own.
import type { Collection, Db, Filter, OptionalUnlessRequiredId } from 'mongodb'
import { conflict, retryOnConflict } from '../../store/compare-and-set.js'
import type { StoreCall } from '../../store/store.js'
import type { MongoConnection } from './connection.js'
import { type RecordRow, rowOptions, type UserRow } from './documents.js'
import { hasCode } from './errors.js'
import type { PartRow } from './part-row.js'

export interface MetaRow {
  _id: string
  value: Buffer | number
}

/** Until when there are deletes of a user's records. */
export interface DeletesRow {
  _id: string
  until: Date
}

export interface Collections {
  records: Collection<RecordRow>
  versions: Collection<RecordRow>
  users: Collection<UserRow>
  deletes: Collection<DeletesRow>
  meta: Collection<MetaRow>
  parts: Collection<PartRow>
}

/** Who asks, and what each command for that call may take. */
export interface Caller {
  call: StoreCall
  commandOf: MongoConnection['commandOf']
}

export function collectionsOf(database: Db): Collections {
  return {
    records: database.collection<RecordRow>('records', rowOptions),
    versions: database.collection<RecordRow>('versions', rowOptions),
    users: database.collection<UserRow>('users', rowOptions),
    deletes: database.collection<DeletesRow>('deletes', rowOptions),
    meta: database.collection<MetaRow>('meta', rowOptions),
    parts: database.collection<PartRow>('parts', rowOptions),
  }
}

/** Inserts the row unless there is one of that id; returns whether it did. */
export async function insert<Row extends { _id: string }>(
  collection: Collection<Row>,
  row: Row,
  { call, commandOf }: Caller,
): Promise<boolean> {
  try {
    await collection.insertOne(row as OptionalUnlessRequiredId<Row>, commandOf(call))
    return true
  } catch (error) {
    if (hasCode(error, 'duplicateKey')) return false
    throw error
  }
}

/** Inserts the row if there is none of that id; returns the one that is there now. */
export function insertIfAbsent<Row extends { _id: string }>(
  collection: Collection<Row>,
  row: Row,
  caller: Caller,
): Promise<Row> {
  const { call, commandOf } = caller
  return retryOnConflict<Row>(async () => {
    if (await insert(collection, row, caller)) return row
    // Not there for a reader yet: what stood in the way has no majority so far, and may never have one.
    const current = await collection.findOne({ _id: row._id } as Filter<Row>, commandOf(call))
    return (current as Row | null) ?? conflict
  }, call)
}

/** Whether the collection has no row at all. */
export async function isEmpty(collection: Collection<never>, { call, commandOf }: Caller): Promise<boolean> {
  const row = await collection.findOne({}, { ...commandOf(call), projection: { _id: 1 } })
  return row === null
}
