// The one connection to MongoDB, for the life of the process: the driver's pool, whether a primary is known, and who
// works with it. A call is answered when its time is up, whatever the server does.
import {
  type Db,
  type DbOptions,
  MongoClient,
  type MongoClientOptions,
  ReadConcern,
  type ServerType,
  type TopologyDescriptionChangedEvent,
} from 'mongodb'
import { VaultError } from '../core/errors.js'
import type { Secret } from '../core/secret.js'
import { refuseEnded } from './ended-call.js'
import { answeredInTime } from './mongo-deadline.js'
import { retryAfterMs, storeError } from './mongo-errors.js'
import type { StoreCall } from './store.js'

export interface MongoLimits {
  /** Connections at most; further commands wait for one. */
  maxPoolSize: number
  /** The longest wait for a primary, and for a connection of the pool. */
  waitMs: number
  /** What a single command may take. */
  commandMs: number
  /** How often the server is asked how it is. */
  heartbeatMs: number
}

export const defaultLimits: MongoLimits = { maxPoolSize: 100, waitMs: 2_000, commandMs: 10_000, heartbeatMs: 2_000 }

export interface MongoConnection {
  /** Connects unless it is; afterwards the driver keeps the connection up by itself. */
  connect(): Promise<void>
  /** Runs work for a call; rejects with VaultError as soon as the call ends, and the work goes on in vain. */
  use<T>(work: (database: Db) => Promise<T>, call: StoreCall): Promise<T>
  /** The options of one command of that call. */
  commandOf(call: StoreCall): { maxTimeMS: number }
  /** Whether a server is known that takes writes. */
  isReachable(): boolean
  /** Why there is none, as far as the driver knows; for the log. */
  lastError(): unknown
  /** Waits for the work under way, refuses what comes later. */
  close(): Promise<void>
}

export interface MongoConnectionOptions {
  uri: Secret
  database: string
  limits: MongoLimits
  /** The answer of `isReachable` may have changed. */
  changed(): void
}

const writable: ServerType[] = ['Standalone', 'RSPrimary', 'Mongos', 'LoadBalancer']

// What the URI says of these does not count: they are what the store's promises rest on.
const promises: DbOptions = {
  readPreference: 'primary',
  readConcern: new ReadConcern('majority'),
  writeConcern: { w: 'majority', journal: true },
}

function clientOptions({ maxPoolSize, waitMs, commandMs, heartbeatMs }: MongoLimits): MongoClientOptions {
  return {
    appName: 'enc-server',
    maxPoolSize,
    serverSelectionTimeoutMS: waitMs,
    waitQueueTimeoutMS: waitMs,
    connectTimeoutMS: waitMs,
    heartbeatFrequencyMS: heartbeatMs,
    minHeartbeatFrequencyMS: 100, // one broken connection makes the driver ask first whether the server is still there
    // The server ends a command by itself; a connection on which it did not has been lost on the way.
    socketTimeoutMS: commandMs + waitMs,
    maxIdleTimeMS: 60_000,
  }
}

// The driver's own words may hold a part of the URI, and so of the password.
function newClient(secret: Secret, limits: MongoLimits): MongoClient {
  const uri = secret.reveal().toString('utf8')
  try {
    // The driver would take what follows the first of several for a server's name, and tell it in every error.
    if (uri.split('?')[0]?.match(/@/g)?.[1]) throw new Error('more than one @')
    return new MongoClient(uri, clientOptions(limits))
  } catch {
    const message = 'the MongoDB URI is not valid (in a password, % : / ? # [ ] @ must be percent-encoded)'
    throw new VaultError('INVALID_REQUEST', { message })
  }
}

function isWritable({ newDescription }: TopologyDescriptionChangedEvent): boolean {
  return [...newDescription.servers.values()].some(({ type }) => writable.includes(type))
}

export function mongoConnection({ uri, database, limits, changed }: MongoConnectionOptions): MongoConnection {
  const client = newClient(uri, limits)
  const db = client.db(database, promises)
  let reachable = false
  let lastError: unknown
  let closed = false
  let users = 0
  let lastLeft: (() => void) | undefined

  client.on('topologyDescriptionChanged', (event) => {
    reachable = isWritable(event)
    lastError = event.newDescription.error ?? lastError
    changed()
  })
  client.on('error', () => undefined) // what is wrong with the server, each command says again

  async function work<T>(task: (database: Db) => Promise<T>): Promise<T> {
    users += 1
    try {
      return await task(db)
    } catch (error) {
      throw storeError(error)
    } finally {
      users -= 1
      if (users === 0) lastLeft?.()
    }
  }

  return {
    async connect() {
      await client.connect()
    },
    async use(task, call) {
      refuseEnded(call)
      if (closed) throw new VaultError('STORE_UNAVAILABLE', { retryAfterMs })
      return answeredInTime(work(task), call)
    },
    commandOf: ({ deadline }) => ({
      maxTimeMS: Math.ceil(Math.max(1, Math.min(limits.commandMs, deadline - Date.now()))),
    }),
    isReachable: () => reachable,
    lastError: () => lastError,
    async close() {
      closed = true
      if (users > 0) await new Promise<void>((resolve) => (lastLeft = resolve))
      await client.close()
    },
  }
}
