// The store on MongoDB. One document is written at a time, so it needs no transactions; what it answers as done a majority
// of the replica set has in its journal, and what it has read no failover takes back.

import type { Db } from 'mongodb'
import type { Backoff } from '../../../core/backoff.js'
import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'
import { noDeadline } from '../../store/deadline.js'
import type { PartStore } from '../../store/part-store.js'
import type { Store, StoreCall } from '../../store/store.js'
import { type CombinedHealth, combinedHealth } from '../../store/store-health.js'
import { defaultLimits, type MongoLimits } from './client.js'
import { type Caller, type Collections, collectionsOf, insertIfAbsent } from './collections.js'
import { type MongoConnection, mongoConnection } from './connection.js'
import { deletesUntil, recordDeletes } from './delete-watermarks.js'
import { idText, userOf, userRow } from './documents.js'
import { listRecords } from './list.js'
import { bindKeyring, prepareStore, readMeta } from './meta.js'
import { mongoPartStore } from './part-store.js'
import { type MongoReadiness, mongoReadiness } from './readiness.js'
import { deleteRecord, getRecord, getRecordHeader, putRecord } from './records.js'
import { expired, getVersion, listVersions, putVersion, removeVersion, versionedRecords } from './versions.js'

export interface MongoStoreOptions {
  /** Names the servers, and the user with the password; not needed any more when the store is open. */
  uri: Secret
  database: string
  limits?: Partial<MongoLimits>
  /** How soon and how seldom to try again while the database is not there. */
  backoff?: Backoff
  /** Is told what only an operator can mend, when it turns up after the start. */
  report?: (problem: VaultError) => void
}

const defaultBackoff: Backoff = { firstMs: 250, maxMs: 2_000 }

/** The parts are on the same connection, and close with the store. */
export interface MongoStore extends Store {
  parts: PartStore
}

interface Connected {
  connection: MongoConnection
  readiness: MongoReadiness
  health: CombinedHealth
}

function mongoStore({ connection, readiness, health }: Connected): MongoStore {
  const { commandOf } = connection

  function run<T>(work: (collections: Collections, caller: Caller) => Promise<T>, call: StoreCall): Promise<T> {
    return connection.use(async (database) => {
      await readiness.wait(call)
      return work(collectionsOf(database), { call, commandOf })
    }, call)
  }

  return {
    meta: (call) => run(readMeta, call),
    bindKeyring: (keyringId, call) => run((all, caller) => bindKeyring(all, keyringId, caller), call),
    getUser: (userPseudonym, call) =>
      run(async ({ users }) => {
        const row = await users.findOne({ _id: idText(userPseudonym) }, commandOf(call))
        return row ? userOf(row) : undefined
      }, call),
    insertUser: (user, call) =>
      run(async ({ users }, caller) => userOf(await insertIfAbsent(users, userRow(user), caller)), call),
    noteDeletes: (note, call) => run((all, caller) => recordDeletes(all, note, caller), call),
    deletesUntil: (pseudonym, call) => run((all, caller) => deletesUntil(all, pseudonym, caller), call),
    getRecord: (recordId, call) => run(({ records }, caller) => getRecord(records, recordId, caller), call),
    getRecordHeader: (recordId, call) => run(({ records }, caller) => getRecordHeader(records, recordId, caller), call),
    putRecord: (put, call) => run(({ records }, caller) => putRecord(records, put, caller), call),
    deleteRecord: (target, call) => run(({ records }, caller) => deleteRecord(records, target, caller), call),
    listRecords: (range, call) => run(({ records }, caller) => listRecords(records, range, caller), call),
    putVersion: (version, call) => run(({ versions }, caller) => putVersion(versions, version, caller), call),
    getVersion: (id, call) => run(({ versions }, caller) => getVersion(versions, id, caller), call),
    listVersions: (range, call) => run(({ versions }, caller) => listVersions(versions, range, caller), call),
    removeVersion: (version, call) => run(({ versions }, caller) => removeVersion(versions, version, caller), call),
    versionedRecords: (page, call) => run(({ versions }, caller) => versionedRecords(versions, page, caller), call),
    expired: (query, call) => run((all, caller) => expired(all, query, caller), call),
    settled: async () => undefined, // the row was what was told
    parts: mongoPartStore((work, call) => run(({ parts }, caller) => work(parts, caller), call)),
    health: health.health,
    onHealth: health.onHealth,
    async close() {
      await Promise.all([readiness.stop(), connection.close()])
    },
  }
}

async function prepared({ connect, commandOf }: MongoConnection, database: Db): Promise<void> {
  await connect() // a command would connect as well, but never again once that has failed
  await prepareStore(database, { call: noDeadline, commandOf })
}

function validDatabase(name: string): string {
  if (/^[A-Za-z0-9_-]{1,63}$/.test(name)) return name
  throw new VaultError('INVALID_REQUEST', {
    message: `the MongoDB database '${name}' must be 1 to 63 letters, digits, _ or -`,
  })
}

/**
 * Opens the store, and makes it if it is not there. A database that cannot be reached is no failure: the store becomes
 * ready when it can. Throws STORE_FORMAT, or STORE_UNAVAILABLE with what an operator has to do.
 */
export async function openMongoStore(options: MongoStoreOptions): Promise<MongoStore> {
  const { uri, backoff = defaultBackoff, report = () => undefined } = options
  const limits = { ...defaultLimits, ...options.limits }
  const database = validDatabase(options.database)
  const health = combinedHealth()
  const connection = mongoConnection({ uri, database, limits, changed: health.changed })
  const { servers } = connection
  const prepare = () => connection.use((db) => prepared(connection, db), noDeadline)
  const readiness = mongoReadiness({ servers, database, health, prepare, waitMs: limits.waitMs, backoff, report })
  health.add(() => (servers.areReachable() && readiness.isPrepared() ? 'ready' : 'STORE_UNAVAILABLE'))
  health.changed()
  try {
    await readiness.start()
  } catch (error) {
    await connection.close()
    throw error
  }
  return mongoStore({ connection, readiness, health })
}
