// Which parts are in use: those of the record that is there.
import { keyIdOf } from './envelope-header.js'
import type { PartSet } from './part-store.js'
import type { Store, StoreCall } from './store.js'

export async function refersTo(store: Store, { recordId, keyId }: PartSet, call: StoreCall): Promise<boolean> {
  const record = await store.getRecord(recordId, call)
  return record !== undefined && keyIdOf(record).equals(keyId)
}
