// What the driver's errors mean to us; nothing above knows them. A write that a majority has not acknowledged may stay or
// be rolled back, so it is never told as stored: STORE_UNAVAILABLE says that it may have happened.
import { MongoError, MongoInvalidArgumentError, MongoServerError } from 'mongodb'
import { VaultError } from '../../../core/errors.js'
import { retryAfterMs } from '../../store/store-health.js'

/** How long a caller should leave the store alone while it recovers. */

/** After a wait for a connection of the pool, which was a long one already. */
const overloadedRetryAfterMs = 100

// From the server's list of error codes.
const codes = {
  unauthorized: 13,
  authenticationFailed: 18,
  namespaceExists: 48,
  duplicateKey: 11000,
  outOfDiskSpace: 14031,
}

type Code = keyof typeof codes

/** Whether the server has answered with this error. */
export function hasCode(thrown: unknown, code: Code): boolean {
  return thrown instanceof MongoServerError && thrown.code === codes[code]
}

/** The driver does not export the class. */
function isQueueTimeout({ name }: Error): boolean {
  return name === 'MongoWaitQueueTimeoutError'
}

/** A name that does not resolve is told in Node's words, not in the driver's. */
function isDriverError(error: Error): boolean {
  return (error instanceof MongoError && !(error instanceof MongoInvalidArgumentError)) || 'syscall' in error
}

/** The error as the store's callers know it; what is no driver's or network's error is a bug and stays as it is. */
export function storeError(thrown: unknown): Error {
  const error = thrown as Error
  if (error instanceof VaultError || !isDriverError(error)) return error
  if (isQueueTimeout(error)) return new VaultError('OVERLOADED', { retryAfterMs: overloadedRetryAfterMs, cause: error })
  const reason = hasCode(error, 'outOfDiskSpace') ? 'STORE_FULL' : 'STORE_UNAVAILABLE'
  return new VaultError(reason, { retryAfterMs, cause: error })
}

/** Why the store cannot be used until an operator acts, in words for the operator; undefined for what may pass. */
export function lastingError(error: unknown, database: string): VaultError | undefined {
  if (!(error instanceof VaultError)) return undefined
  const { reason, cause } = error
  const refuse = (message: string) => new VaultError('STORE_UNAVAILABLE', { message, cause })
  if (hasCode(cause, 'authenticationFailed')) return refuse('MongoDB refuses the user or the password of the URI')
  if (hasCode(cause, 'unauthorized')) {
    return refuse(
      `MongoDB's user lacks a right on the database ${database}; docs/operations/mongodb.md has the role it needs`,
    )
  }
  return reason === 'STORE_FORMAT' ? error : undefined
}
