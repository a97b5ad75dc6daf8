// Errors of the file system. Their messages quote paths, and so the pseudonyms of users and records: a translated error
// keeps only the code and the system call.
import { VaultError } from '../../../core/errors.js'
import { permanentFault } from '../../store/permanent-faults.js'
import { isDiskFull, retryAfterMs } from '../../store/store-health.js'

/** The code of an error, such as ENOENT; undefined if it has none. */
export function errorCode(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

/** A handler for `catch`: resolves to undefined if the file or folder is absent, and throws any other error. */
export function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') throw error
}

/**
 * The VaultError that callers of a store expect, with a cause that has no paths. An error of another kind stays as it
 * is.
 */
export function fileError(thrown: unknown): Error {
  const { code, syscall } = thrown as NodeJS.ErrnoException
  if (thrown instanceof VaultError || syscall === undefined) return thrown as Error // a bug keeps its message
  const cause = Object.assign(new Error(`${code}: ${syscall}`), { code, syscall })
  const permanent = permanentFault('file system', [code], cause)
  if (permanent) return permanent
  return new VaultError(isDiskFull(cause) ? 'STORE_FULL' : 'STORE_UNAVAILABLE', { retryAfterMs, cause })
}
