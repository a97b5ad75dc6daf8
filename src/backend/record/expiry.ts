// The expiry of a record.
import { isPast } from '../../core/clock.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'

/**
 * True if the record has expired at `now`. It then counts as absent for every caller, even before the sweep removes it.
 */
export function isExpired({ expireTime }: Pick<SealedRecord, 'expireTime'>, now: Date): boolean {
  return isPast(expireTime, now)
}
