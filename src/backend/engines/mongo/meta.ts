// What a MongoDB store says of itself: its format, and the keyring bound to it.
import type { Db } from 'mongodb'
import { VaultError } from '../../../core/errors.js'
import type { StoreMeta } from '../../store/store.js'
import { type Caller, type Collections, collectionsOf, insertIfAbsent, isEmpty } from './collections.js'
import { hasCode } from './errors.js'

const knownFormat = 1

async function makeCollection(database: Db, name: string, { call, commandOf }: Caller): Promise<void> {
  try {
    await database.createCollection(name, commandOf(call))
  } catch (error) {
    if (!hasCode(error, 'namespaceExists')) throw error
  }
}

/** For the sweep of what expires; rows that never do are not in it. */
async function makeExpiryIndexes({ records, versions }: Collections): Promise<void> {
  // Without a limit of time: a large collection takes as long as it takes, and a second try waits for the first.
  for (const rows of [records, versions]) await rows.createIndex({ expireTime: 1 }, { sparse: true })
}

async function hasRows({ records, users }: Collections, caller: Caller): Promise<boolean> {
  const empty = await Promise.all([records, users].map((collection) => isEmpty(collection as never, caller)))
  return empty.includes(false)
}

/** Throws STORE_FORMAT unless the store is new or of the known format. */
async function checkFormat(collections: Collections, caller: Caller): Promise<void> {
  const { meta } = collections
  // Rows before the format: whoever makes a store writes the format first, so rows without one are real.
  const used = await hasRows(collections, caller)
  const stored = await meta.findOne({ _id: 'format' }, caller.commandOf(caller.call))
  if (used && stored === null) {
    const message = 'the store has records but no format number; restore its meta collection from the same backup'
    throw new VaultError('STORE_FORMAT', { message })
  }
  const { value } = stored ?? (await insertIfAbsent(meta, { _id: 'format', value: knownFormat }, caller))
  if (value === knownFormat) return
  const message = `the store has format ${value}; this version knows format ${knownFormat}`
  throw new VaultError('STORE_FORMAT', { message })
}

/** Makes what is not there; throws STORE_FORMAT when what is there is not ours to use. */
export async function prepareStore(database: Db, caller: Caller): Promise<void> {
  const collections = collectionsOf(database)
  for (const name of Object.keys(collections)) await makeCollection(database, name, caller)
  await checkFormat(collections, caller)
  await makeExpiryIndexes(collections)
}

async function boundKeyring({ meta }: Collections, { call, commandOf }: Caller): Promise<Buffer | undefined> {
  const row = await meta.findOne({ _id: 'keyring_id' }, commandOf(call))
  return row?.value as Buffer | undefined
}

export async function readMeta(collections: Collections, caller: Caller): Promise<StoreMeta> {
  const bound = await boundKeyring(collections, caller)
  if (bound) return { format: knownFormat, keyringId: bound, empty: false }
  // Rows before the keyring: whoever binds it does so before writing a row, so rows without a keyring are real.
  const used = await hasRows(collections, caller)
  const keyringId = await boundKeyring(collections, caller)
  return { format: knownFormat, keyringId, empty: !used && keyringId === undefined }
}

export async function bindKeyring({ meta }: Collections, keyringId: Buffer, caller: Caller): Promise<Buffer> {
  const { value } = await insertIfAbsent(meta, { _id: 'keyring_id', value: keyringId }, caller)
  return value as Buffer
}
