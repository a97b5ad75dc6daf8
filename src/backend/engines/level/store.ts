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
import { beginCreation, checkStoreFiles, endCreation, type StoreFolders } from './disk/check-store.js'
import type { Damage } from './disk/inspect.js'
import { sealStore } from './disk/seal.js'
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
  /** Folders that are made with the store, and without which it is not opened. */
  folders?: string[]
  /** Called once the store is open, for each file whose rows are lost in part. */
  onDamage?: (damage: Damage) => void
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

function storeOver(folder: string, databases: Databases, { health, onHealth }: CombinedHealth): Store {
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
      const isClean = health() === 'ready' // else a log may end in a failed write
      await Promise.all(Object.values(databases).map((database) => database.close()))
      if (isClean) await sealStore(folder, Object.keys(databases))
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

const dataDatabases = ['users', 'records', 'versions', 'expiry', 'deletes']

/** The folders of the store in `folder`, for a check without a lock. */
export function storeFolders(folder: string, folders: string[] = []): StoreFolders {
  return { folder, databases: dataDatabases, folders }
}

/** Opens the databases; creates them only if the store is new, and then makes all of them before it serves any call. */
async function openDatabases(options: LevelStoreOptions, health: CombinedHealth): Promise<Databases> {
  const { folder, folders = [], onDamage = () => undefined } = options
  await makePrivateFolder(folder)
  const { isNew, damage } = await checkStoreFiles(storeFolders(folder, folders))
  if (isNew) await beginCreation(folder)
  const databases = await openAll(options, { health, create: isNew })
  if (isNew) {
    for (const name of folders) await makePrivateFolder(join(folder, name))
    await endCreation(folder)
  }
  for (const found of damage) onDamage(found)
  return databases
}

async function openAll(
  { folder, backoff }: LevelStoreOptions,
  { health: { add, update }, create }: { health: CombinedHealth; create: boolean },
) {
  const opened: { close(): Promise<void> }[] = []
  async function openDatabase<Value extends NonNullable<unknown>>(
    name: string,
    settings: DatabaseSettings<Value>,
  ): Promise<LevelDatabase<Value>> {
    const database = await openLevelDatabase({
      folder: join(folder, name),
      create,
      backoff,
      changed: update,
      ...settings,
    })
    opened.push(database)
    add(database.health)
    return database
  }

  try {
    const meta = await openDatabase('meta', indexSettings)
    // This check comes first: a store of another format must stay untouched.
    await checkFormat(meta, create)
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
    return storeOver(options.folder, await openDatabases(options, health), health)
  } catch (error) {
    throw openError(options.folder, error)
  }
}
