// The metadata of a MongoDB store: its format number, and the id and key checks of the keyring bound to it.
import type { Db } from 'mongodb'
import { conflict, retryOnConflict } from '../../store/compare-and-set.js'
import { missingStoreFormat, mustRaiseFormat, storeFormat } from '../../store/format.js'
import { addKeyChecks, readKeyChecks } from '../../store/key-checks.js'
import type { StoreMeta } from '../../store/store.js'
import { type Collections, collectionsOf, insert, insertIfAbsent, isEmpty, type MongoContext } from './collections.js'
import { hasCode } from './errors.js'

async function makeCollection(database: Db, name: string, { call, commandOf }: MongoContext): Promise<void> {
  try {
    await database.createCollection(name, commandOf(call))
  } catch (error) {
    if (!hasCode(error, 'namespaceExists')) throw error
  }
}

/** Sparse indexes for the expiry sweep: rows that never expire are not in them. */
async function makeExpiryIndexes({ records, versions }: Collections): Promise<void> {
  // No time limit: a large collection takes long, and a second attempt waits for the first.
  for (const rows of [records, versions]) await rows.createIndex({ expireTime: 1 }, { sparse: true })
}

async function hasRows({ records, users }: Collections, context: MongoContext): Promise<boolean> {
  const empty = await Promise.all([records, users].map((collection) => isEmpty(collection as never, context)))
  return empty.includes(false)
}

/** Throws STORE_FORMAT unless the store is new or has a known format; raises an older one. */
async function checkFormat(collections: Collections, context: MongoContext): Promise<void> {
  const { meta } = collections
  // Reads the rows first. A new store gets its format before its rows, so in the other order a store that another back
  // end creates in between could show a row without a format.
  const used = await hasRows(collections, context)
  const stored = await meta.findOne({ _id: 'format' }, context.commandOf(context.call))
  if (used && stored === null) throw missingStoreFormat('meta collection')
  const { value } = stored ?? (await insertIfAbsent(meta, { _id: 'format', value: storeFormat }, context))
  if (!mustRaiseFormat(value)) return
  const raised = { $set: { value: storeFormat } }
  const { matchedCount } = await meta.updateOne({ _id: 'format', value }, raised, context.commandOf(context.call))
  if (matchedCount === 0) await checkFormat(collections, context) // another back end was faster, maybe of a later version
}

/** Creates missing collections and indexes. Throws STORE_FORMAT when the store is damaged or has another format. */
export async function prepareStore(database: Db, context: MongoContext): Promise<void> {
  const collections = collectionsOf(database)
  for (const name of Object.keys(collections)) await makeCollection(database, name, context)
  await checkFormat(collections, context)
  await makeExpiryIndexes(collections)
}

async function readKeyring({ meta }: Collections, { call, commandOf }: MongoContext): Promise<Buffer | undefined> {
  const row = await meta.findOne({ _id: 'keyring_id' }, commandOf(call))
  return row?.value as Buffer | undefined
}

/** As Store.meta. */
export async function readMeta(collections: Collections, context: MongoContext): Promise<StoreMeta> {
  const bound = await readKeyring(collections, context)
  const keyChecks = readKeyChecks(await readKeyChecksRow(collections, context))
  if (bound) return { format: storeFormat, keyringId: bound, keyChecks, empty: false }
  // Reads the rows first. A front end binds its keyring before it writes a row, so in the other order a first write in
  // between could show a row without a keyring.
  const used = await hasRows(collections, context)
  const keyringId = await readKeyring(collections, context)
  return { format: storeFormat, keyringId, keyChecks, empty: !used && keyringId === undefined }
}

/** As Store.bindKeyring. */
export async function bindKeyring({ meta }: Collections, keyringId: Buffer, context: MongoContext): Promise<Buffer> {
  const { value } = await insertIfAbsent(meta, { _id: 'keyring_id', value: keyringId }, context)
  return value as Buffer
}

async function readKeyChecksRow({ meta }: Collections, { call, commandOf }: MongoContext): Promise<Buffer | undefined> {
  const row = await meta.findOne({ _id: 'key_checks' }, commandOf(call))
  return row?.value as Buffer | undefined
}

/** As Store.bindKeyChecks. */
export function bindKeyChecks(collections: Collections, keyChecks: Buffer[], context: MongoContext): Promise<Buffer[]> {
  const { meta } = collections
  const { call, commandOf } = context
  return retryOnConflict<Buffer[]>(async () => {
    const row = await readKeyChecksRow(collections, context)
    const value = addKeyChecks(row, keyChecks)
    if (value === undefined) return readKeyChecks(row)
    const written = row
      ? (await meta.updateOne({ _id: 'key_checks', value: row }, { $set: { value } }, commandOf(call))).matchedCount > 0
      : await insert(meta, { _id: 'key_checks', value }, context)
    return written ? readKeyChecks(value) : conflict
  }, call)
}
