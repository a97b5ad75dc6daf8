// The store on MongoDB. It writes one document at a time, so it needs no transactions. A write counts as done once a
// majority of the replica set has it in the journal; a failover cannot undo what a read has returned.

import type { Db } from 'mongodb'
import type { Backoff } from '../../../core/concurrency/backoff.js'
import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'
import { noDeadline } from '../../store/deadline.js'
import type { PartStore } from '../../store/part-store.js'
import type { Store, StoreCall } from '../../store/store.js'
import { type CombinedHealth, combinedHealth } from '../../store/store-health.js'
import { defaultLimits, type MongoLimits } from './client.js'
import { type Collections, collectionsOf, insertIfAbsent, type MongoContext } from './collections.js'
import { type MongoConnection, newConnection } from './connection.js'
import { getDeleteWatermark, raiseDeleteWatermark } from './delete-watermarks.js'
import { encodeId, userOf, userRow } from './documents.js'
import { listRecords } from './list.js'
import { bindKeyChecks, bindKeyring, prepareStore, readMeta } from './meta.js'
import { partStoreOver } from './part-store.js'
import { type StoreReadiness, storeReadiness } from './readiness.js'
import { deleteRecord, getRecord, getRecordHeader, putRecord } from './records.js'
import { getVersion, listDue, listVersions, putVersion, removeVersion, versionedRecords } from './versions.js'

/** Where the database is, and how the store uses it. */
export interface MongoStoreOptions {
  /** Names the servers, the user and the password. The caller may close it once the store is open. */
  uri: Secret
  database: string
  limits?: Partial<MongoLimits>
  /** The pauses between attempts to prepare the store. */
  backoff?: Backoff
  /** Receives a problem that only an operator can solve, when it appears after the start. */
  report?: (problem: VaultError) => void
}

const defaultBackoff: Backoff = { firstMs: 250, maxMs: 2_000 }

/** A store with the parts on the same connection; they close with the store. */
export interface MongoStore extends Store {
  parts: PartStore
}

interface Connected {
  connection: MongoConnection
  readiness: StoreReadiness
  health: CombinedHealth
}

function storeOver({ connection, readiness, health }: Connected): MongoStore {
  const { commandOf } = connection

  function run<T>(work: (collections: Collections, context: MongoContext) => Promise<T>, call: StoreCall): Promise<T> {
    return connection.use(async (database) => {
      await readiness.wait(call)
      return work(collectionsOf(database), { call, commandOf })
    }, call)
  }

  return {
    meta: (call) => run(readMeta, call),
    bindKeyring: (keyringId, call) => run((all, context) => bindKeyring(all, keyringId, context), call),
    bindKeyChecks: (keyChecks, call) => run((all, context) => bindKeyChecks(all, keyChecks, context), call),
    getUser: (userPseudonym, call) =>
      run(async ({ users }) => {
        const row = await users.findOne({ _id: encodeId(userPseudonym) }, commandOf(call))
        return row ? userOf(row) : undefined
      }, call),
    insertUser: (user, call) =>
      run(async ({ users }, context) => userOf(await insertIfAbsent(users, userRow(user), context)), call),
    raiseDeleteWatermark: (note, call) => run((all, context) => raiseDeleteWatermark(all, note, context), call),
    getDeleteWatermark: (pseudonym, call) => run((all, context) => getDeleteWatermark(all, pseudonym, context), call),
    getRecord: (recordId, call) => run(({ records }, context) => getRecord(records, recordId, context), call),
    getRecordHeader: (recordId, call) =>
      run(({ records }, context) => getRecordHeader(records, recordId, context), call),
    putRecord: (put, call) => run(({ records }, context) => putRecord(records, put, context), call),
    deleteRecord: (target, call) => run(({ records }, context) => deleteRecord(records, target, context), call),
    listRecords: (range, call) => run(({ records }, context) => listRecords(records, range, context), call),
    putVersion: (version, call) => run(({ versions }, context) => putVersion(versions, version, context), call),
    getVersion: (id, call) => run(({ versions }, context) => getVersion(versions, id, context), call),
    listVersions: (range, call) => run(({ versions }, context) => listVersions(versions, range, context), call),
    removeVersion: (version, call) => run(({ versions }, context) => removeVersion(versions, version, context), call),
    versionedRecords: (page, call) => run(({ versions }, context) => versionedRecords(versions, page, context), call),
    listDue: (query, call) => run((all, context) => listDue(all, query, context), call),
    clearDue: async () => undefined, // listDue reads the rows, so no entry remains
    parts: partStoreOver((work, call) => run(({ parts }, context) => work(parts, context), call)),
    health: health.health,
    onHealth: health.onHealth,
    async close() {
      await Promise.all([readiness.stop(), connection.close()])
    },
  }
}

async function connectAndPrepare({ connect, commandOf }: MongoConnection, database: Db): Promise<void> {
  await connect() // a command also connects, but never again after a failure
  await prepareStore(database, { call: noDeadline, commandOf })
}

function checkDatabaseName(name: string): string {
  if (/^[A-Za-z0-9_-]{1,63}$/.test(name)) return name
  throw new VaultError('INVALID_REQUEST', {
    message: `the MongoDB database '${name}' must be 1 to 63 letters, digits, _ or -`,
  })
}

/**
 * Opens the store, and creates it if absent. An unreachable database is no error here: the store becomes ready once it
 * can be reached. Throws STORE_FORMAT, or STORE_UNAVAILABLE with instructions for an operator.
 */
export async function openMongoStore(options: MongoStoreOptions): Promise<MongoStore> {
  const { uri, backoff = defaultBackoff, report = () => undefined } = options
  const limits = { ...defaultLimits, ...options.limits }
  const database = checkDatabaseName(options.database)
  const health = combinedHealth()
  const connection = newConnection({ uri, database, limits, changed: health.update })
  const { servers } = connection
  const prepare = () => connection.use((db) => connectAndPrepare(connection, db), noDeadline)
  const readiness = storeReadiness({ servers, health, prepare, waitMs: limits.waitMs, backoff, report })
  health.add(() => (servers.isWritable() && readiness.isPrepared() ? 'ready' : 'STORE_UNAVAILABLE'))
  health.update()
  try {
    await readiness.start()
  } catch (error) {
    await connection.close()
    throw error
  }
  return storeOver({ connection, readiness, health })
}
