// The format number of a store: the version of its layout. An engine writes it before the first row, so that a later
// version can refuse a layout that it does not know.
import { VaultError } from '../../core/errors.js'

/** The format that this version reads and writes. */
export const storeFormat = 1

/** Throws STORE_FORMAT unless the stored format, a number or its decimal text, is `storeFormat`. */
export function checkStoreFormat(stored: unknown): void {
  if (String(stored) === String(storeFormat)) return
  const message = `the store has format ${stored}; this version knows format ${storeFormat}`
  throw new VaultError('STORE_FORMAT', { message })
}

/** The error for a store that has records but no format; `meta` names the part of the store that should hold it. */
export function missingStoreFormat(meta: 'meta folder' | 'meta collection'): VaultError {
  const message = `the store has records but no format number; restore its ${meta} from the same backup`
  return new VaultError('STORE_FORMAT', { message })
}
