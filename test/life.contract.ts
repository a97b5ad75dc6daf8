// What every engine behind the Store interface must do for records that expire and keep versions; store.contract.ts has
// the rest. Time is what the tests say it is.
import { expiryContract } from './contract/expiry.js'
import { racingWritersContract } from './contract/racing-writers.js'
import { rowsContract } from './contract/rows.js'
import { type OpenedStore, openForEach } from './contract/store-under-test.js'
import { versionsContract } from './contract/versions.js'

export function lifeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a store of records that end`, () => {
    const opened = openForEach(open)
    rowsContract(opened)
    expiryContract(opened)
    versionsContract(opened)
    racingWritersContract(opened)
  })
}
