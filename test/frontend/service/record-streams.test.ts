import { expect } from 'chai'
import { type FrontendClient, frontendClient, type RequestInput } from '../../../src/frontend/client.js'
import type { StoreRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { gate } from '../../core/fake-frontend.js'
import { turns } from '../../turns.js'
import { openWire, type Wire } from '../wire.js'
import { openWorld, type World } from '../world.js'

type Item = { itemId: string; record: RequestInput<StoreRecordRequest> }

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = []
  for await (const item of items) collected.push(item)
  return collected
}

const records = (count: number): Item[] =>
  Array.from({ length: count }, (_, at) => ({
    itemId: `item-${at}`,
    record: { userId: `user-${at % 7}`, recordName: `record-${at}`, data: Buffer.from(`contents of ${at}`) },
  }))

describe('streams of records', () => {
  let world: World
  let served: Wire
  let client: FrontendClient

  before(async () => {
    world = await openWorld()
    served = await openWire(world.frontEnd())
    client = frontendClient({ address: served.address })
  })

  after(async () => {
    client.close()
    await served.close()
    await world.close()
  })

  it('store and open a thousand records on one call each, every one with its own outcome', async () => {
    const items = records(1000)
    const stored = await all(client.storeRecords(items))
    expect(new Set(stored.map(({ itemId }) => itemId))).to.have.property('size', 1000)
    const keys = new Map(stored.map(({ itemId, answer }) => [itemId, answer!.recordKey]))
    const wanted = items.map(({ itemId, record: { userId, recordName = '' } }) => {
      return { itemId, record: { userId, recordName, recordKey: keys.get(itemId)! } }
    })
    const opened = await all(client.retrieveRecords(wanted))
    const found = new Map(opened.map(({ itemId, answer }) => [itemId, answer!.data.toString()]))
    for (const { itemId, record } of items) expect(found.get(itemId)).to.equal(record.data!.toString())
  })

  it('give a bad item its error and go on', async () => {
    const [good, other] = records(2) as [Item, Item]
    const bad = { itemId: 'bad', record: { userId: '', data: Buffer.from('x') } }
    const outcomes = await all(client.storeRecords([good, bad, other]))
    const byId = new Map(outcomes.map((outcome) => [outcome.itemId, outcome]))
    expect(byId.get('bad')?.error).to.include({
      reason: 'INVALID_REQUEST',
      message: 'user_id: must be 1 to 1024 bytes of UTF-8, not 0',
    })
    expect(byId.get(good.itemId)?.answer?.version).to.equal(2n)
    expect(byId.get(other.itemId)?.answer?.version).to.equal(2n)
  })

  it('answer a missing record and a wrong token in the item', async () => {
    const [stored] = await all(
      client.storeRecords([{ itemId: 'a', record: { userId: 'eve', data: Buffer.from('x') } }]),
    )
    const recordKey = stored!.answer!.recordKey
    const outcomes = await all(
      client.retrieveRecords([
        { itemId: 'absent', record: { userId: 'eve', recordName: 'none', recordKey } },
        { itemId: 'wrong', record: { userId: 'user-1', recordName: 'record-1', recordKey } },
      ]),
    )
    const reasons = Object.fromEntries(outcomes.map(({ itemId, error }) => [itemId, error?.reason]))
    expect(reasons).to.deep.equal({ absent: 'RECORD_NOT_FOUND', wrong: 'RECORD_KEY_MISMATCH' })
  })

  for (const [what, itemId] of [
    ['an empty item id', ''],
    ['an item id of 129 bytes', 'x'.repeat(129)],
  ] as const) {
    it(`end with INVALID_REQUEST at ${what}`, async () => {
      const error = await all(client.storeRecords([{ itemId, record: { userId: 'a', data: Buffer.from('x') } }])).catch(
        (thrown) => thrown,
      )
      expect(error).to.include({ reason: 'INVALID_REQUEST', message: 'item_id: must be 1 to 128 bytes' })
    })
  }

  it('end with INVALID_REQUEST at an item id that is in flight', async () => {
    const twice = [1, 2].map(() => ({ itemId: 'same', record: { userId: 'a', data: Buffer.alloc(100_000) } }))
    const error = await all(client.storeRecords(twice)).catch((thrown) => thrown)
    expect(error).to.include({
      reason: 'INVALID_REQUEST',
      message: 'item_id: must be unique among the items in flight',
    })
  })

  it('take an item id again once it is answered', async () => {
    async function* oneByOne() {
      for (let round = 0; round < 3; round += 1) {
        yield { itemId: 'same', record: { userId: 'again', data: Buffer.from('x') } }
        await answered[round]
      }
    }
    const gates = [0, 1, 2].map(() => gate())
    const answered = gates.map(({ opened }) => opened)
    const versions: bigint[] = []
    for await (const { answer } of client.storeRecords(oneByOne())) {
      versions.push(answer!.version)
      await turns(100) // the answer counts as given a moment after it was sent
      gates[versions.length - 1]!.open()
    }
    expect(versions).to.deep.equal([1n, 2n, 3n])
  })

  it('stop reading for a caller that does not take its answers', async () => {
    let read = 0
    async function* counted() {
      for (const item of records(5000)) {
        read += 1
        yield { ...item, record: { ...item.record, data: Buffer.alloc(64 * 1024) } }
      }
    }
    const reading = client.storeRecords(counted())[Symbol.asyncIterator]()
    await reading.next()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(read).to.be.lessThan(1500) // 64, and as many as have their small answers in the buffers on the way
    await reading.return?.()
  })

  it('answer the open items after the last request, then end', async () => {
    const outcomes = await all(client.storeRecords(records(64)))
    expect(outcomes).to.have.length(64)
  })
})
