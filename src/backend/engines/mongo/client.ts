// The driver's client as the store needs it.
import { MongoClient, type MongoClientOptions } from 'mongodb'
import { VaultError } from '../../../core/errors.js'
import type { Secret } from '../../../core/secret.js'

export interface MongoLimits {
  /** Connections at most; further commands wait for one. */
  maxPoolSize: number
  /** The longest wait for a server that takes writes, and for a connection of the pool. */
  waitMs: number
  /** What a single command may take. */
  commandMs: number
  /** How often the servers are asked how they are. */
  heartbeatMs: number
}

export const defaultLimits: MongoLimits = { maxPoolSize: 100, waitMs: 2_000, commandMs: 10_000, heartbeatMs: 2_000 }

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

/** Throws INVALID_REQUEST without the driver's words: they may hold a part of the URI, and so of the password. */
export function newClient(secret: Secret, limits: MongoLimits): MongoClient {
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
