// The contract of a Store for records that expire or keep versions; store.contract.ts has the rest. The tests set the
// time.
import { expiryContract } from './contract/expiry.js'
import { racingWritersContract } from './contract/racing-writers.js'
import { rowsContract } from './contract/rows.js'
import { type OpenedStore, openForEach } from './contract/store-under-test.js'
import { versionsContract } from './contract/versions.js'

export function lifeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a store of records that expire or keep versions`, () => {
    const opened = openForEach(open)
    rowsContract(opened)
    expiryContract(opened)
    versionsContract(opened)
    racingWritersContract(opened)
  })
}
