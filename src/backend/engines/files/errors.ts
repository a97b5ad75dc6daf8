// What the file system's errors mean to us. Their words name the file, and so the pseudonyms of its user and record: what
// is kept of them is what was tried, and what came of it.
import { VaultError } from '../../../core/errors.js'
import { isDiskFull, retryAfterMs } from '../../store/store-health.js'

/** The error as the store's callers know it, its cause without paths. */
export function fileError(thrown: unknown): Error {
  const { code, syscall } = thrown as NodeJS.ErrnoException
  if (thrown instanceof VaultError || syscall === undefined) return thrown as Error // a bug keeps its words
  const cause = Object.assign(new Error(`${code}: ${syscall}`), { code, syscall })
  return new VaultError(isDiskFull(cause) ? 'STORE_FULL' : 'STORE_UNAVAILABLE', { retryAfterMs, cause })
}
