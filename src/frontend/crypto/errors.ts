// The errors of this folder: three faults, beside `invalidField` for a request that can never work. Callers see only the
// constant message of the reason. The cause has the details, for the audit log and metrics.
import { VaultError } from '../../core/errors.js'

/** RECORD_KEY_MISMATCH: the key and context do not open the bytes. For any fault up to and including the commitment. */
export function mismatch(cause: string): VaultError {
  return new VaultError('RECORD_KEY_MISMATCH', { cause })
}

/** RECORD_CORRUPT: the key is right, as the commitment matched, but the bytes after it were changed. */
export function corrupt(cause: string): VaultError {
  return new VaultError('RECORD_CORRUPT', { cause })
}

/** Throws INTERNAL unless our own code kept the rule; callers check before they call a primitive. */
export function guard(kept: boolean, rule: string): asserts kept {
  if (!kept) throw new VaultError('INTERNAL', { cause: new RangeError(rule) })
}
