// The one connection to MongoDB, for the life of the process: the driver's pool, and who works with it. A call is answered
// when its time is up, whatever the server does.
import { type Db, type DbOptions, ReadConcern } from 'mongodb'
import { VaultError } from '../../../core/errors.js'
import { inFlight } from '../../../core/in-flight.js'
import type { Secret } from '../../../core/secret.js'
import { checkDeadline, withDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import { retryAfterMs } from '../../store/store-health.js'
import { type MongoLimits, newClient } from './client.js'
import { storeError } from './errors.js'
import { type MongoServers, mongoServers } from './servers.js'

export interface MongoConnection {
  servers: MongoServers
  /** Connects unless it is; afterwards the driver keeps the connection up by itself. */
  connect(): Promise<void>
  /** Runs work for a call; rejects with VaultError as soon as the call ends, and the work goes on in vain. */
  use<T>(work: (database: Db) => Promise<T>, call: StoreCall): Promise<T>
  /** The options of one command of that call. */
  commandOf(call: StoreCall): { maxTimeMS: number }
  /** Waits for the work under way, refuses what comes later. */
  close(): Promise<void>
}

export interface MongoConnectionOptions {
  uri: Secret
  database: string
  limits: MongoLimits
  /** The servers may have become reachable, or may not be any more. */
  changed(): void
}

// What the URI says of these does not count: they are what the store's promises rest on.
const promises: DbOptions = {
  readPreference: 'primary',
  readConcern: new ReadConcern('majority'),
  writeConcern: { w: 'majority', journal: true },
}

export function mongoConnection({ uri, database, limits, changed }: MongoConnectionOptions): MongoConnection {
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
    servers: mongoServers(client, changed),
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
