// The key checks of a store: the keys of the keyring that its rows were written with. An engine keeps them in one row, so that
// the checks of one call are bound together or not at all.
import { VaultError } from '../../core/errors.js'
import { keyCheckBytes, sameKeyName } from '../../core/key-check.js'

/** The most keys that a store can be bound to. */
export const maxKeyChecks = 256

/** The checks in a row, ascending; throws STORE_FORMAT for a damaged row. */
export function readKeyChecks(row: Buffer | undefined): Buffer[] {
  if (row === undefined) return []
  if (row.length % keyCheckBytes !== 0) {
    const message = 'the key checks of the store are damaged; restore its meta data from the same backup'
    throw new VaultError('STORE_FORMAT', { message })
  }
  return Array.from({ length: row.length / keyCheckBytes }, (_, at) =>
    row.subarray(at * keyCheckBytes, (at + 1) * keyCheckBytes),
  )
}

/**
 * The row with the new checks; undefined if there is nothing to write: they are all bound, the key of one is bound to another
 * check, or there would be too many.
 */
export function addKeyChecks(row: Buffer | undefined, added: Buffer[]): Buffer | undefined {
  const bound = readKeyChecks(row)
  const isBound = (check: Buffer) => bound.some((known) => known.equals(check))
  const isOther = (check: Buffer) => bound.some((known) => sameKeyName(known, check) && !known.equals(check))
  const missing = added.filter((check) => !isBound(check))
  if (missing.length === 0 || missing.some(isOther) || bound.length + missing.length > maxKeyChecks) return undefined
  return Buffer.concat([...bound, ...missing].toSorted(Buffer.compare))
}
