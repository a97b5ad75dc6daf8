// The id of the one record in a stopped back end's store.
import { expect } from 'chai'
import { serviceTools } from '../../cmd/service-tools.js'

export async function onlyRecordId(backendDir: string): Promise<string> {
  const ids = []
  const store = await serviceTools.openStore(backendDir)
  for await (const stored of store.records()) ids.push(stored.recordId.toString('hex'))
  await store.close()
  expect(ids).to.have.length(1)
  return ids[0]!
}
