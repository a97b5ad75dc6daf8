// What the SDK's errors mean to us; nothing above knows them.

import { VaultError } from '../../../core/errors.js'
import { retryAfterMs } from '../../store/store-health.js'

/** How long a caller should leave the store alone while it recovers. */

const full = ['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage', 'InsufficientCapacity']

/** How the SDK marks an error that the server has told; one that it makes of any other answer says nobody's fault. */
interface S3Answer {
  $fault?: string
  $metadata?: { httpStatusCode?: number }
}

export function statusOf(thrown: unknown): number | undefined {
  const { $fault, $metadata } = thrown as S3Answer
  return $fault === undefined ? undefined : $metadata?.httpStatusCode
}

export function isNoBucket(thrown: unknown): boolean {
  return (thrown as Error).name === 'NoSuchBucket'
}

/** From the connection, or from an answer that is none; the SDK passes them on in several forms. */
function isTransportError({ name, ...rest }: Error): boolean {
  return name === 'TimeoutError' || name === 'AbortError' || 'code' in rest || 'errno' in rest || '$metadata' in rest
}

/** The error as the store's callers know it; what is no server's or network's error is a bug and stays as it is. */
export function s3Error(thrown: unknown): Error {
  const error = thrown as Error
  if (error instanceof VaultError) return error
  if (statusOf(error) === 507 || full.includes(error.name)) {
    return new VaultError('STORE_FULL', { retryAfterMs, cause: error })
  }
  return isTransportError(error) ? new VaultError('STORE_UNAVAILABLE', { retryAfterMs, cause: error }) : error
}

/** Why the bucket cannot be used until an operator acts; undefined for what may pass. */
export function lastingS3Error(thrown: unknown, bucket: string): VaultError | undefined {
  const refuse = (message: string) => new VaultError('STORE_UNAVAILABLE', { message, cause: thrown })
  switch (statusOf(thrown)) {
    case 301:
      return refuse(`the bucket ${bucket} is in another region than backend.parts.s3.region`)
    case 403:
      return refuse(
        `S3 refuses the credentials, or they have no right on the bucket ${bucket} (docs/operations/parts.md)`,
      )
    case 404:
      return refuse(`there is no bucket ${bucket}: make it, or correct backend.parts.s3`)
    default:
      return undefined
  }
}
