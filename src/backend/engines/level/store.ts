// The embedded store: LevelDB databases in one folder, so that user documents have backups of their own.
//   records/   level-records.ts
//   versions/  level-versions.ts
//   expiry/    level-expiry.ts
//   deletes/   level-deletes.ts
//   users/     level-users.ts
//   meta/      names -> text or bytes (level-meta.ts)
// One process owns the folder.
import { join } from 'node:path'
import type { Backoff } from '../../../core/backoff.js'
import { makePrivateFolder } from '../../../core/durable-file.js'
import type { UserDocument } from '../../../gen/encserver/v1/backend.js'
import { cutToHeader } from '../../record/envelope-header.js'
import type { Store, StoreCall } from '../../store/store.js'
import { type CombinedHealth, combinedHealth } from '../../store/store-health.js'
import { type LevelDatabase, type LevelDatabaseOptions, openLevelDatabase } from './database.js'
import { deleteWatermarks } from './delete-watermarks.js'
import { openError } from './errors.js'
import { expiryIndex } from './expiry-index.js'
import { checkFormat, keyringKey, knownFormat, metaCodec, setIfAbsent } from './meta.js'
import { deleteRecord, getRecord, type LevelRecords, listRecords, putRecord, recordCodec } from './records.js'
import { intact, type Row } from './row-codec.js'
import { userCacheLimits, userCodec } from './users.js'
import { levelVersions } from './versions.js'

export interface LevelStoreOptions {
  /** Made when it is not there, for this user only. */
  folder: string
  /** How soon and how seldom to try again after a failed write. */
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

function levelStore(databases: Databases, { health, onHealth }: CombinedHealth): Store {
  const { meta, users, records, versions } = databases
  const expiry = expiryIndex(databases.expiry)
  return {
    async meta(call) {
      // Rows before the keyring: whoever binds it does so before writing a row, so rows without a keyring are real.
      const empty = await isEmpty(databases, call)
      const keyringId = await meta.get(keyringKey, call)
      return { format: knownFormat, keyringId, empty: empty && keyringId === undefined }
    },
    bindKeyring: (keyringId, call) => setIfAbsent(meta, { key: keyringKey, value: keyringId, call }),
    getUser: async (pseudonym, call) => intact(await users.get(pseudonym, call)),
    insertUser: (user, call) =>
      users.write<UserDocument>({
        key: user.userPseudonym,
        bytes: user.generations.reduce((sum, { wrappedKey }) => sum + wrappedKey.length, 100),
        decide(row) {
          const current = intact(row)
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
    ...levelVersions({ versions, expiry }),
    expired: expiry.expired,
    settled: expiry.settled,
    health,
    onHealth,
    async close() {
      await Promise.all(Object.values(databases).map((database) => database.close()))
    },
  }
}

const MiB = 1024 * 1024
/** Of a database that holds contents. */
export const contentsBufferBytes = 64 * MiB
/** Of one that does not. */
const bufferBytes = 16 * MiB

const contents = { codec: recordCodec, bufferBytes: contentsBufferBytes }
const index = { codec: metaCodec, bufferBytes }

/** What a database is opened with, but for what all have. */
type Opening<Value> = Pick<LevelDatabaseOptions<Value>, 'codec' | 'bufferBytes' | 'recent' | 'knowsKeys'>

async function openDatabases({ folder, backoff }: LevelStoreOptions, { add, changed }: CombinedHealth) {
  const opened: { close(): Promise<void> }[] = []
  async function openPart<Value extends NonNullable<unknown>>(
    name: string,
    opening: Opening<Value>,
  ): Promise<LevelDatabase<Value>> {
    const database = await openLevelDatabase({ folder: join(folder, name), backoff, changed, ...opening })
    opened.push(database)
    add(database.health)
    return database
  }

  await makePrivateFolder(folder)
  try {
    const meta = await openPart('meta', index)
    // First: a store of another format is left as it is.
    await checkFormat(
      meta,
      ['users', 'records'].map((name) => join(folder, name)),
    )
    return {
      meta,
      users: await openPart('users', { codec: userCodec, bufferBytes, recent: userCacheLimits }),
      records: await openPart('records', { ...contents, knowsKeys: true }),
      versions: await openPart('versions', contents),
      expiry: await openPart('expiry', index),
      deletes: await openPart('deletes', index),
    }
  } catch (error) {
    await Promise.all(opened.map((database) => database.close()))
    throw error
  }
}

/** Opens the store, and makes it if it is not there. Throws STORE_FORMAT, or STORE_UNAVAILABLE with what is wrong. */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const health = combinedHealth()
  try {
    return levelStore(await openDatabases(options, health), health)
  } catch (error) {
    throw openError(options.folder, error)
  }
}
