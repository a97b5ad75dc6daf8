// The embedded store: several LevelDB databases in one folder, so that user documents can have backups of their own.
//   records/   records.ts
//   versions/  versions.ts
//   expiry/    expiry-index.ts
//   deletes/   delete-watermarks.ts
//   users/     users.ts
//   meta/      names -> text or bytes (meta.ts)
// LevelDB's lock gives the folder to one process.
import { join } from 'node:path'
import type { Backoff } from '../../../core/concurrency/backoff.js'
import { makePrivateFolder } from '../../../core/durable-file.js'
import type { UserDocument } from '../../../gen/encserver/v1/backend.js'
import { cutToHeader } from '../../record/envelope-header.js'
import { storeFormat } from '../../store/format.js'
import { readKeyChecks } from '../../store/key-checks.js'
import type { Store, StoreCall } from '../../store/store.js'
import { type CombinedHealth, combinedHealth } from '../../store/store-health.js'
import { type LevelDatabase, type LevelDatabaseOptions, openLevelDatabase } from './database.js'
import { deleteWatermarks } from './delete-watermarks.js'
import { openError } from './errors.js'
import { expiryIndex } from './expiry-index.js'
import { bindKeyChecks, checkFormat, keyChecksKey, keyringKey, metaCodec, setIfAbsent } from './meta.js'
import { deleteRecord, getRecord, type LevelRecords, listRecords, putRecord, recordCodec } from './records.js'
import { type Row, requireIntact } from './row-codec.js'
import { userCacheLimits, userCodec } from './users.js'
import { versionMethods } from './versions.js'

/** Where the store is, and how it recovers. */
export interface LevelStoreOptions {
  /** Created if absent, for this user only. */
  folder: string
  /** The pauses between attempts to recover from a failed write. */
  backoff?: Backoff
}

interface Databases {
  meta: LevelDatabase<Buffer>
  users: LevelDatabase<Row<UserDocument>>
  records: LevelRecords
  versions: LevelRecords
  expiry: LevelDatabase<Buffer>
  deletes: LevelDatabase<Buffer>
}

async function isEmpty({ users, records }: Databases, call: StoreCall): Promise<boolean> {
  let empty = true
  const visit = () => {
    empty = false
    return false
  }
  await users.scan({}, visit, call)
  if (empty) await records.scan({}, visit, call)
  return empty
}

function storeOver(databases: Databases, { health, onHealth }: CombinedHealth): Store {
  const { meta, users, records, versions } = databases
  const expiry = expiryIndex(databases.expiry)
  return {
    async meta(call) {
      // Reads the rows first. A front end binds its keyring before it writes a row, so in the other order a first write
      // in between could show a row without a keyring.
      const empty = await isEmpty(databases, call)
      const keyringId = await meta.get(keyringKey, call)
      const keyChecks = readKeyChecks(await meta.get(keyChecksKey, call))
      return { format: storeFormat, keyringId, keyChecks, empty: empty && keyringId === undefined }
    },
    bindKeyring: (keyringId, call) => setIfAbsent(meta, { key: keyringKey, value: keyringId, call }),
    bindKeyChecks: (keyChecks, call) => bindKeyChecks(meta, keyChecks, call),
    getUser: async (pseudonym, call) => requireIntact(await users.get(pseudonym, call)),
    insertUser: (user, call) =>
      users.write<UserDocument>({
        key: user.userPseudonym,
        bytes: user.generations.reduce((sum, { wrappedKey }) => sum + wrappedKey.length, 100),
        decide(row) {
          const current = requireIntact(row)
          return current ? { answer: current } : { change: { value: user }, answer: user }
        },
        call,
      }),
    ...deleteWatermarks(databases.deletes),
    getRecord: (recordId, call) => getRecord(records, recordId, call),
    async getRecordHeader(recordId, call) {
      const record = await getRecord(records, recordId, call)
      return record && cutToHeader(record)
    },
    putRecord: (put, call) => putRecord({ records, expiry }, put, call),
    deleteRecord: (target, call) => deleteRecord({ records, expiry }, target, call),
    listRecords: (range, call) => listRecords(records, range, call),
    ...versionMethods({ versions, expiry }),
    listDue: expiry.listDue,
    clearDue: expiry.clearDue,
    health,
    onHealth,
    async close() {
      await Promise.all(Object.values(databases).map((database) => database.close()))
    },
  }
}

const MiB = 1024 * 1024
/** The write buffer of a database that holds contents. */
export const contentsBufferBytes = 64 * MiB
/** The write buffer of the others. */
const bufferBytes = 16 * MiB

const contentsSettings = { codec: recordCodec, bufferBytes: contentsBufferBytes }
const indexSettings = { codec: metaCodec, bufferBytes }

/** The options in which the databases differ. */
type DatabaseSettings<Value> = Pick<
  LevelDatabaseOptions<Value>,
  'codec' | 'bufferBytes' | 'cacheLimits' | 'filtersKeys'
>

async function openDatabases({ folder, backoff }: LevelStoreOptions, { add, update }: CombinedHealth) {
  const opened: { close(): Promise<void> }[] = []
  async function openDatabase<Value extends NonNullable<unknown>>(
    name: string,
    settings: DatabaseSettings<Value>,
  ): Promise<LevelDatabase<Value>> {
    const database = await openLevelDatabase({ folder: join(folder, name), backoff, changed: update, ...settings })
    opened.push(database)
    add(database.health)
    return database
  }

  await makePrivateFolder(folder)
  try {
    const meta = await openDatabase('meta', indexSettings)
    // This check comes first: a store of another format must stay untouched.
    await checkFormat(
      meta,
      ['users', 'records'].map((name) => join(folder, name)),
    )
    return {
      meta,
      users: await openDatabase('users', { codec: userCodec, bufferBytes, cacheLimits: userCacheLimits }),
      records: await openDatabase('records', { ...contentsSettings, filtersKeys: true }),
      versions: await openDatabase('versions', contentsSettings),
      expiry: await openDatabase('expiry', indexSettings),
      deletes: await openDatabase('deletes', indexSettings),
    }
  } catch (error) {
    await Promise.all(opened.map((database) => database.close()))
    throw error
  }
}

/** Opens the store, and creates it if absent. Throws STORE_FORMAT, or STORE_UNAVAILABLE with the problem. */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const health = combinedHealth()
  try {
    return storeOver(await openDatabases(options, health), health)
  } catch (error) {
    throw openError(options.folder, error)
  }
}
