// Transient errors: failures that may be gone when the call is retried.
import { VaultError } from '../../core/errors.js'

const transientKinds = new Set(['unavailable', 'exhausted', 'deadline', 'cancelled'])

/** True if a retry may succeed. */
export function isTransient({ kind, reason }: VaultError): boolean {
  return transientKinds.has(kind) || reason === 'CONTENTION'
}

/** True if a job ended early, by an interrupt or a transient error, so that the same command can resume it. */
export function isResumable(error: unknown, { signal }: { signal: AbortSignal }): boolean {
  return signal.aborted || (error instanceof VaultError && isTransient(error))
}
