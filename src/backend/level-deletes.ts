// Until when there are deletes of a user's records, in LevelDB:
//   deletes/  36-byte user pseudonym -> u64 milliseconds
import type { LevelDatabase } from './level-database.js'
import type { Store } from './store.js'

const millisBytes = 8

export function levelDeletes(deletes: LevelDatabase<Buffer>): Pick<Store, 'noteDeletes' | 'deletesUntil'> {
  return {
    noteDeletes({ userPseudonym, until }, call) {
      const value = Buffer.alloc(millisBytes)
      value.writeBigUInt64BE(BigInt(until.getTime()))
      return deletes.write<void>({
        key: userPseudonym,
        bytes: userPseudonym.length + millisBytes,
        decide: (noted) => ({ answer: undefined, ...(isLater(value, noted) && { change: { value } }) }),
        call,
      })
    },
    async deletesUntil(userPseudonym, call) {
      const noted = await deletes.get(userPseudonym, call)
      return noted && new Date(Number(noted.readBigUInt64BE()))
    },
  }
}

function isLater(value: Buffer, noted: Buffer | undefined): boolean {
  return noted === undefined || value.compare(noted) > 0
}
