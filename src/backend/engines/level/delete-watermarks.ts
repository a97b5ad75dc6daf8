// Delete watermarks in LevelDB: the time until which records of a user may have been deleted.
//   deletes/  36-byte user pseudonym -> u64 milliseconds since 1970

import { type DeletesNote, endOfTime, type Store } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

const millisBytes = 8

/** The methods of a store that read and raise a user's delete watermark. */
export function deleteWatermarks(deletes: LevelDatabase<Buffer>): Pick<Store, 'noteDeletes' | 'deletesUntil'> {
  return {
    noteDeletes({ userPseudonym, until, latest }, call) {
      const value = Buffer.alloc(millisBytes)
      value.writeBigUInt64BE(BigInt(until.getTime()))
      return deletes.write<void>({
        key: userPseudonym,
        bytes: userPseudonym.length + millisBytes,
        decide: (stored) => ({
          answer: undefined,
          ...(!isCurrent(stored, { until, latest }) && { change: { value } }),
        }),
        call,
      })
    },
    async deletesUntil(userPseudonym, call) {
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

function isCurrent(stored: Buffer | undefined, { until, latest }: Pick<DeletesNote, 'until' | 'latest'>): boolean {
  if (stored === undefined) return false
  const time = timeOf(stored)
  return time >= until && time <= latest
}
