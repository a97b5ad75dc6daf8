// The contract of a Store. The test file of an engine calls storeContract with a function that opens an empty store;
// life.contract.ts has the contract for records that expire or keep versions.
import { callsContract } from './contract/calls.js'
import { knownWritesContract } from './contract/known-writes.js'
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
    knownWritesContract(opened)
    preconditionsContract(opened)
    listsContract(opened)
    callsContract(opened)
  })
}
