// The MongoDB driver's client, with the limits that the store sets.
import { MongoClient, type MongoClientOptions } from 'mongodb'
import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'

/** Limits of the driver's client. */
export interface MongoLimits {
  /** The size of the connection pool; further commands wait for a connection. */
  maxPoolSize: number
  /** The longest wait for a server that takes writes, and for a connection of the pool. */
  waitMs: number
  /** The time limit of one command. */
  commandMs: number
  /** The interval between the driver's checks of the servers. */
  heartbeatMs: number
}

/** The limits unless others are given. */
export const defaultLimits: MongoLimits = { maxPoolSize: 100, waitMs: 2_000, commandMs: 10_000, heartbeatMs: 2_000 }

function clientOptions({ maxPoolSize, waitMs, commandMs, heartbeatMs }: MongoLimits): MongoClientOptions {
  return {
    appName: 'enc-server',
    maxPoolSize,
    serverSelectionTimeoutMS: waitMs,
    waitQueueTimeoutMS: waitMs,
    connectTimeoutMS: waitMs,
    heartbeatFrequencyMS: heartbeatMs,
    minHeartbeatFrequencyMS: 100, // after one broken connection, the driver checks the server before it sends again
    // The server ends a command at its time limit, so a connection that stays silent for longer is lost.
    socketTimeoutMS: commandMs + waitMs,
    maxIdleTimeMS: 60_000,
  }
}

/** Throws INVALID_REQUEST without the driver's message, which may quote the URI and its password. */
export function newClient(secret: Secret, limits: MongoLimits): MongoClient {
  const uri = secret.reveal().toString('utf8')
  try {
    // With more than one @, the driver takes the text behind the first one for a host name, and quotes it in every
    // error.
    if (uri.split('?')[0]?.match(/@/g)?.[1]) throw new Error('more than one @')
    return new MongoClient(uri, clientOptions(limits))
  } catch {
    const message = 'the MongoDB URI is not valid (in a password, % : / ? # [ ] @ must be percent-encoded)'
    throw new VaultError('INVALID_REQUEST', { message })
  }
}
