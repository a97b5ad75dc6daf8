// What every engine behind the Store interface must do. An engine's test file calls storeContract with a way to open an
// empty store; life.contract.ts has what is demanded of records that expire and keep versions.
import { callsContract } from './contract/calls.js'
import { listsContract } from './contract/lists.js'
import { preconditionsContract } from './contract/preconditions.js'
import { recordsContract } from './contract/records.js'
import { type OpenedStore, openForEach } from './contract/store-under-test.js'
import { usersContract } from './contract/users.js'

export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a store`, () => {
    const opened = openForEach(open)
    usersContract(opened)
    recordsContract(opened)
    preconditionsContract(opened)
    listsContract(opened)
    callsContract(opened)
  })
}
