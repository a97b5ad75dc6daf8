// Translates LevelDB's errors. classic-level has few codes; only the operating system's own text reveals a full disk.
import { VaultError } from '../../../core/errors.js'
import { isDiskFull, retryAfterMs } from '../../store/store-health.js'

interface EngineError extends Error {
  code?: string
  /** Set on errors of the file system. */
  path?: string
}

const damaged = ['LEVEL_CORRUPTION', 'LEVEL_DECODE_ERROR']

/**
 * Turns an error of the engine or the file system into the VaultError that callers of a store expect. Any other error
 * is a bug and stays as it is.
 */
export function storeError(thrown: unknown): Error {
  const error = thrown as EngineError
  if (error instanceof VaultError || error.code === undefined) return error
  // open() hides the cause behind a code of its own
  if (error.code === 'LEVEL_DATABASE_NOT_OPEN' && error.cause !== undefined) return storeError(error.cause)
  if (isDiskFull(error)) return new VaultError('STORE_FULL', { retryAfterMs, cause: error })
  if (damaged.includes(error.code)) return new VaultError('RECORD_CORRUPT', { cause: error })
  if (error.code === 'LEVEL_LOCKED') {
    const message = 'another process has the store open: stop it first'
    return new VaultError('STORE_UNAVAILABLE', { message, cause: error })
  }
  return new VaultError('STORE_UNAVAILABLE', { retryAfterMs, cause: error })
}

/** As storeError, for a store that fails to open: the message tells an operator which folder and why. */
export function openError(folder: string, thrown: unknown): Error {
  const error = storeError(thrown)
  const { code, path } = (error.cause ?? {}) as EngineError
  if (path !== undefined && (code === 'EEXIST' || code === 'ENOTDIR')) {
    const message = `backend.dataDir: ${path} is not a folder, and cannot be made one (${code})`
    return new VaultError('INVALID_REQUEST', { message, cause: error.cause })
  }
  const unclear = error instanceof VaultError && code !== undefined && code !== 'LEVEL_LOCKED'
  if (!unclear || error.reason === 'STORE_FULL') return error
  return new VaultError('STORE_UNAVAILABLE', {
    message: `cannot open the store in ${folder} (${code})`,
    cause: error.cause,
  })
}
