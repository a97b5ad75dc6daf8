// How this folder fails: three faults, and a request that can never work (invalidField). Callers see the reason's
// constant message and nothing else; the cause says what really happened, for the audit log and metrics only.
import { VaultError } from '../../core/errors.js'

/** The bytes are not what this key and context open; everything up to and including the commitment. */
export function mismatch(cause: string): VaultError {
  return new VaultError('RECORD_KEY_MISMATCH', { cause })
}

/** The key is right, as the commitment matched, but the bytes after it are not those that were sealed. */
export function corrupt(cause: string): VaultError {
  return new VaultError('RECORD_CORRUPT', { cause })
}

/** A rule our own code must keep; breaking it is a bug, so it stops before any primitive is called. */
export function guard(kept: boolean, rule: string): asserts kept {
  if (!kept) throw new VaultError('INTERNAL', { cause: new RangeError(rule) })
}
