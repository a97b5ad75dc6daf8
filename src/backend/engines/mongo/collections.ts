// The collections of a store. User documents, which hold the wrapped keys, have a collection of their own, so that they
// can have their own backups. Calls access `_id` alone, by point or range; only the expiry sweep needs another index.
import type { Collection, Db, Filter, OptionalUnlessRequiredId } from 'mongodb'
import { conflict, retryOnConflict } from '../../store/compare-and-set.js'
import type { StoreCall } from '../../store/store.js'
import type { MongoConnection } from './connection.js'
import { type RecordRow, rowOptions, type UserRow } from './documents.js'
import { hasCode } from './errors.js'
import type { PartRow } from './part-row.js'

/** A named value: the format number, or the id of the bound keyring. */
export interface MetaRow {
  _id: string
  value: Buffer | number
}

/** A delete watermark: the time until which records of a user may have been deleted. */
export interface DeletesRow {
  _id: string
  until: Date
}

/** The collections of one database. */
export interface Collections {
  records: Collection<RecordRow>
  versions: Collection<RecordRow>
  users: Collection<UserRow>
  deletes: Collection<DeletesRow>
  meta: Collection<MetaRow>
  parts: Collection<PartRow>
}

/** A call, and the options of each command made for it. */
export interface MongoContext {
  call: StoreCall
  commandOf: MongoConnection['commandOf']
}

/** The collections of a database; they need not exist yet. */
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

/** Inserts the row unless its id is taken; returns true if it did. */
export async function insert<Row extends { _id: string }>(
  collection: Collection<Row>,
  row: Row,
  { call, commandOf }: MongoContext,
): Promise<boolean> {
  try {
    await collection.insertOne(row as OptionalUnlessRequiredId<Row>, commandOf(call))
    return true
  } catch (error) {
    if (hasCode(error, 'duplicateKey')) return false
    throw error
  }
}

/** Inserts the row unless its id is taken; returns the row that now has the id. Throws CONTENTION. */
export function insertIfAbsent<Row extends { _id: string }>(
  collection: Collection<Row>,
  row: Row,
  context: MongoContext,
): Promise<Row> {
  const { call, commandOf } = context
  return retryOnConflict<Row>(async () => {
    if (await insert(collection, row, context)) return row
    // The other writer's row has no majority yet, so a read does not see it. It may also be rolled back.
    const current = await collection.findOne({ _id: row._id } as Filter<Row>, commandOf(call))
    return (current as Row | null) ?? conflict
  }, call)
}

/** True if the collection has no rows. */
export async function isEmpty(collection: Collection<never>, { call, commandOf }: MongoContext): Promise<boolean> {
  const row = await collection.findOne({}, { ...commandOf(call), projection: { _id: 1 } })
  return row === null
}
