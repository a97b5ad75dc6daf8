// When a record has expired. It then counts as absent for everybody, whether or not it has been removed yet.
import { isPast } from '../../core/clock.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'

export function isExpired({ expireTime }: Pick<SealedRecord, 'expireTime'>, now: Date): boolean {
  return isPast(expireTime, now)
}
