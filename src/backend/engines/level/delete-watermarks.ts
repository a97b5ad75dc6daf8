// Until when there are deletes of a user's records, in LevelDB:
//   deletes/  36-byte user pseudonym -> u64 milliseconds

import { type DeletesNote, endOfTime, type Store } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

const millisBytes = 8

export function deleteWatermarks(deletes: LevelDatabase<Buffer>): Pick<Store, 'noteDeletes' | 'deletesUntil'> {
  return {
    noteDeletes({ userPseudonym, until, latest }, call) {
      const value = Buffer.alloc(millisBytes)
      value.writeBigUInt64BE(BigInt(until.getTime()))
      return deletes.write<void>({
        key: userPseudonym,
        bytes: userPseudonym.length + millisBytes,
        decide: (noted) => ({ answer: undefined, ...(!stands(noted, { until, latest }) && { change: { value } }) }),
        call,
      })
    },
    async deletesUntil(userPseudonym, call) {
      const noted = await deletes.get(userPseudonym, call)
      return noted && timeOf(noted)
    },
  }
}

function timeOf(noted: Buffer): Date {
  if (noted.length !== millisBytes) return endOfTime
  const ms = Number(noted.readBigUInt64BE())
  return ms > endOfTime.getTime() ? endOfTime : new Date(ms)
}

function stands(noted: Buffer | undefined, { until, latest }: Pick<DeletesNote, 'until' | 'latest'>): boolean {
  if (noted === undefined) return false
  const time = timeOf(noted)
  return time >= until && time <= latest
}
