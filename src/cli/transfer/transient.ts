// Which failures of an item, or of a whole call, may pass by themselves.
import type { VaultError } from '../../core/errors.js'

const passing = new Set(['unavailable', 'exhausted', 'deadline', 'cancelled'])

/** Whether trying again later may help. */
export function isTransient({ kind, reason }: VaultError): boolean {
  return passing.has(kind) || reason === 'CONTENTION'
}
