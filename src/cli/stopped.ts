// Whether work on many records, or on a large one, ended before its time, so that the same command can go on with it.
import { VaultError } from '../core/errors.js'
import { mayPass } from './may-pass.js'
import type { Session } from './program.js'

export function isStopped(error: unknown, { signal }: Pick<Session, 'signal'>): boolean {
  return signal.aborted || (error instanceof VaultError && mayPass(error))
}
