// Translates the driver's errors; no other file knows them. A write without the acknowledgement of a majority may stay
// or be rolled back, so it never counts as stored: STORE_UNAVAILABLE says that it may have happened.
import { MongoError, MongoInvalidArgumentError, MongoServerError } from 'mongodb'
import { VaultError } from '../../../core/errors.js'
import { permanentFault } from '../../store/permanent-faults.js'
import { retryAfterMs } from '../../store/store-health.js'

/** Short, because the caller has already waited for a connection of the pool. */
const overloadedRetryAfterMs = 100

// from the server's list of error codes
const codes = {
  unauthorized: 13,
  authenticationFailed: 18,
  namespaceExists: 48,
  duplicateKey: 11000,
  outOfDiskSpace: 14031,
}

type Code = keyof typeof codes

/** True if the server answered with this error code. */
export function hasCode(thrown: unknown, code: Code): boolean {
  return thrown instanceof MongoServerError && thrown.code === codes[code]
}

/** The driver does not export this error class. */
function isQueueTimeout({ name }: Error): boolean {
  return name === 'MongoWaitQueueTimeoutError'
}

/** A host name that does not resolve yields an error of Node, not of the driver. */
function isDriverError(error: Error): boolean {
  return (error instanceof MongoError && !(error instanceof MongoInvalidArgumentError)) || 'syscall' in error
}

/**
 * Turns an error of the driver or the network into the VaultError that callers of a store expect. Any other error is a
 * bug and stays as it is.
 */
export function storeError(thrown: unknown): Error {
  const error = thrown as Error
  if (error instanceof VaultError || !isDriverError(error)) return error
  if (isQueueTimeout(error)) return new VaultError('OVERLOADED', { retryAfterMs: overloadedRetryAfterMs, cause: error })
  const permanent = permanentError(error)
  if (permanent) return permanent
  const reason = hasCode(error, 'outOfDiskSpace') ? 'STORE_FULL' : 'STORE_UNAVAILABLE'
  return new VaultError(reason, { retryAfterMs, cause: error })
}

/** The problem in words for an operator, if only an operator can solve it; undefined for a transient error. */
export function permanentError(error: unknown): VaultError | undefined {
  if (error instanceof VaultError) return ['STORE_FORMAT', 'STORE_REFUSED'].includes(error.reason) ? error : undefined
  return error instanceof MongoServerError ? permanentFault('MongoDB', [error.code], error) : undefined
}
