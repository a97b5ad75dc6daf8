// Translates the SDK's errors; no other file knows them.
import { VaultError } from '../../../core/errors.js'
import { permanentFault } from '../../store/permanent-faults.js'
import { retryAfterMs } from '../../store/store-health.js'

const full = ['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage', 'InsufficientCapacity']

/**
 * The SDK sets `$fault` only on errors that the server reported, not on its own errors about answers that it cannot
 * read.
 */
interface S3Answer {
  $fault?: string
  $metadata?: { httpStatusCode?: number }
}

/** The HTTP status of an error that the server reported. */
export function statusOf(thrown: unknown): number | undefined {
  const { $fault, $metadata } = thrown as S3Answer
  return $fault === undefined ? undefined : $metadata?.httpStatusCode
}

/** True if the server says that the bucket itself is absent. */
export function isNoBucket(thrown: unknown): boolean {
  return (thrown as Error).name === 'NoSuchBucket'
}

/** True for errors of the connection, and for answers that are not S3's; the SDK has several forms of both. */
function isTransportError({ name, ...rest }: Error): boolean {
  return name === 'TimeoutError' || name === 'AbortError' || 'code' in rest || 'errno' in rest || '$metadata' in rest
}

/**
 * Turns an error of the server or the network into the VaultError that callers of a store expect. Any other error is a
 * bug and stays as it is.
 */
export function storeError(thrown: unknown): Error {
  const error = thrown as Error
  if (error instanceof VaultError) return error
  if (statusOf(error) === 507 || full.includes(error.name)) {
    return new VaultError('STORE_FULL', { retryAfterMs, cause: error })
  }
  const permanent = permanentError(error)
  if (permanent) return permanent
  return isTransportError(error) ? new VaultError('STORE_UNAVAILABLE', { retryAfterMs, cause: error }) : error
}

/** The problem in words for an operator, if only an operator can solve it; undefined for a transient error. */
export function permanentError(thrown: unknown): VaultError | undefined {
  const status = statusOf(thrown)
  return status === undefined ? undefined : permanentFault('S3', [(thrown as Error).name, status], thrown)
}
