// When a record is not there any more. The time that counts is the sealed one: the back end has it in clear as well, to
// remove what has expired, and can move or leave out that one only.
import { isPast } from '../../core/clock.js'
import type { Vault } from './vault.js'

/** By the clock that never goes back: what has expired once stays so. */
export function isExpired({ clock }: Pick<Vault, 'clock'>, { expireTime }: { expireTime: Date | undefined }): boolean {
  return isPast(expireTime, clock.forRefusing())
}
