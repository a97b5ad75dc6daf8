// The format number of a store: the version of its layout. An engine writes it before the first row, so that a later
// version can refuse a layout that it does not know.
import { VaultError } from '../../core/errors.js'

/** The format that this version writes. */
export const storeFormat = 2

/**
 * An earlier format, which differs only in what its rows lack: part set ids. Back ends that write it would remove the parts that
 * such an id names, so the store must get the new number before the first of these parts.
 */
const olderFormat = 1

/**
 * True if the stored format, a number or its decimal text, must be raised to `storeFormat`; throws STORE_FORMAT for one that this
 * version does not know.
 */
export function mustRaiseFormat(stored: unknown): boolean {
  if (String(stored) === String(storeFormat)) return false
  if (String(stored) === String(olderFormat)) return true
  const message = `the store has format ${stored}; this version knows format ${storeFormat}`
  throw new VaultError('STORE_FORMAT', { message })
}

/** The error for a store that has records but no format; `meta` names the part of the store that should hold it. */
export function missingStoreFormat(meta: 'meta folder' | 'meta collection'): VaultError {
  const message = `the store has records but no format number; restore its ${meta} from the same backup`
  return new VaultError('STORE_FORMAT', { message })
}
