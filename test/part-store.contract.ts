// The contract of a PartStore. The test file of an engine calls partStoreContract with a function that opens an empty
// store.
import { partCallsContract } from './contract/part-calls.js'
import { partSetsContract } from './contract/part-sets.js'
import { type OpenedPartStore, openPartsForEach } from './contract/part-store-under-test.js'
import { partsContract } from './contract/parts.js'

export function partStoreContract(name: string, open: () => Promise<OpenedPartStore>): void {
  describe(`${name} as a part store`, () => {
    const opened = openPartsForEach(open)
    partsContract(opened)
    partSetsContract(opened)
    partCallsContract(opened)
  })
}
