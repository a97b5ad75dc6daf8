// The connection to MongoDB: one driver pool for the life of the process, and the work that uses it. A call is answered
// by its deadline, even when the server is silent.
import { type Db, type DbOptions, ReadConcern } from 'mongodb'
import { inFlight } from '../../../core/concurrency/in-flight.js'
import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'
import { checkDeadline, withDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import { retryAfterMs } from '../../store/store-health.js'
import { type MongoLimits, newClient } from './client.js'
import { storeError } from './errors.js'
import { type ServerMonitor, serverMonitor } from './servers.js'

/** A connection to one database. */
export interface MongoConnection {
  servers: ServerMonitor
  /** Connects unless connected; the driver then keeps the connection alive by itself. */
  connect(): Promise<void>
  /** Runs `work` for a call. Rejects with VaultError, and at the end of the call at the latest; the work may go on. */
  use<T>(work: (database: Db) => Promise<T>, call: StoreCall): Promise<T>
  /** The options of one command of that call: its time limit. */
  commandOf(call: StoreCall): { maxTimeMS: number }
  /** Refuses later work, and closes when the work in progress has ended. */
  close(): Promise<void>
}

/** How to reach the database. */
export interface MongoConnectionOptions {
  uri: Secret
  database: string
  limits: MongoLimits
  /** A listener for changes in whether a server takes writes. */
  changed(): void
}

// These override the URI, because the promises of a store rest on them.
const promises: DbOptions = {
  readPreference: 'primary',
  readConcern: new ReadConcern('majority'),
  writeConcern: { w: 'majority', journal: true },
}

/** Makes the connection; `connect` opens it. Throws INVALID_REQUEST for an ill-formed URI. */
export function newConnection({ uri, database, limits, changed }: MongoConnectionOptions): MongoConnection {
  const client = newClient(uri, limits)
  const db = client.db(database, promises)
  let closed = false
  const users = inFlight()

  async function work<T>(task: (database: Db) => Promise<T>): Promise<T> {
    try {
      return await users.run(() => task(db))
    } catch (error) {
      throw storeError(error)
    }
  }

  return {
    servers: serverMonitor(client, changed),
    async connect() {
      await client.connect()
    },
    async use(task, call) {
      checkDeadline(call)
      if (closed) throw new VaultError('STORE_UNAVAILABLE', { retryAfterMs })
      return withDeadline(work(task), call)
    },
    commandOf: ({ deadline }) => ({
      maxTimeMS: Math.ceil(Math.max(1, Math.min(limits.commandMs, deadline - Date.now()))),
    }),
    async close() {
      closed = true
      await users.idle()
      await client.close()
    },
  }
}
