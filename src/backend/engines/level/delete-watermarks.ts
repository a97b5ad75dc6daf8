// Delete watermarks in LevelDB: the time until which records of a user may have been deleted.
//   deletes/  36-byte user pseudonym -> u64 milliseconds since 1970

import { type DeleteWatermark, endOfTime, type Store } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

const millisBytes = 8

/** The methods of a store that read and raise a user's delete watermark. */
export function deleteWatermarks(
  deletes: LevelDatabase<Buffer>,
): Pick<Store, 'raiseDeleteWatermark' | 'getDeleteWatermark'> {
  return {
    raiseDeleteWatermark({ userPseudonym, until, maxUntil }, call) {
      const value = Buffer.alloc(millisBytes)
      value.writeBigUInt64BE(BigInt(until.getTime()))
      return deletes.write<void>({
        key: userPseudonym,
        bytes: userPseudonym.length + millisBytes,
        decide: (stored) => ({
          answer: undefined,
          ...(!isCurrent(stored, { until, maxUntil }) && { change: { value } }),
        }),
        call,
      })
    },
    async getDeleteWatermark(userPseudonym, call) {
      const stored = await deletes.get(userPseudonym, call)
      return stored && timeOf(stored)
    },
  }
}

function timeOf(stored: Buffer): Date {
  if (stored.length !== millisBytes) return endOfTime
  const ms = Number(stored.readBigUInt64BE())
  return ms > endOfTime.getTime() ? endOfTime : new Date(ms)
}

function isCurrent(
  stored: Buffer | undefined,
  { until, maxUntil }: Pick<DeleteWatermark, 'until' | 'maxUntil'>,
): boolean {
  if (stored === undefined) return false
  const time = timeOf(stored)
  return time >= until && time <= maxUntil
}
