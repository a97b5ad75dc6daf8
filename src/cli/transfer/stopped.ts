// Whether work on many records, or on a large one, ended before its time, so that the same command can go on with it.
import { VaultError } from '../../core/errors.js'
import type { Session } from '../program/program.js'
import { isTransient } from './transient.js'

export function isResumable(error: unknown, { signal }: Pick<Session, 'signal'>): boolean {
  return signal.aborted || (error instanceof VaultError && isTransient(error))
}
