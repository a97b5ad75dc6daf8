import { expect } from 'chai'
import type { RandomSource } from '../../../src/frontend/crypto/random.js'
import { randomSource } from '../../../src/frontend/crypto/random.js'
import { StoreRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'
import { answer, keysClosedDuring, reasonOf } from '../refusal.js'
import { type FrontEnd, instead, openWorld, type World } from '../world.js'

const data = Buffer.from('contents')

/** Good for so many draws, then it throws for ever. */
function failingAfter(draws: number): RandomSource {
  const source = randomSource()
  const broken = randomSource(() => {
    throw new Error('no entropy')
  })
  let made = 0
  return { fill: (memory) => (made++ < draws ? source : broken).fill(memory) }
}

describe('a vault whose random source fails', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld()
  })
  afterEach(() => world.close())

  for (const keyMode of [1, 2, 3] as const) {
    it(`refuses to store, at whichever draw, and writes nothing, in mode ${keyMode}`, async () => {
      let sent = 0
      const backend = instead(world.backend, {
        storeEnvelope: (request, call) => {
          sent += 1
          return world.backend.storeEnvelope(request, call)
        },
      })
      const needed = await drawsOf(world.frontEnd({ backend }), keyMode)
      expect(needed).to.be.within(7, 8)
      sent = 0
      for (let draws = 0; draws < needed; draws += 1) {
        const frontEnd = world.frontEnd({ random: failingAfter(draws), backend })
        const refused = frontEnd.store({ userId: 'u', data, keyMode })
        expect(await answer(refused)).to.deep.include({ code: 13, reason: 'INTERNAL', message: 'internal error' })
        expect(await reasonOf(frontEnd.store({ userId: 'u', data, keyMode }))).to.equal('INTERNAL')
      }
      expect(sent).to.equal(0)
      expect(await world.userDocument(world.frontEnd(), 'u')).to.equal(undefined)
      await world.frontEnd({ random: failingAfter(needed), backend }).store({ userId: 'u', data, keyMode })
      expect(sent).to.equal(1)
    })
  }

  it('that repeats itself refuses too', async () => {
    for (const fill of [
      (block: Buffer) => block.fill(7),
      () => undefined,
      (block: Buffer) => block.fill('0123456789abcdef0123456789abcdef'),
    ]) {
      const frontEnd = world.frontEnd({ random: randomSource(fill) })
      expect(await reasonOf(frontEnd.store({ userId: 'u', data }))).to.equal('INTERNAL')
    }
    expect(await world.userDocument(world.frontEnd(), 'u')).to.equal(undefined)
  })

  it('goes on reading', async () => {
    const { recordKey } = await world.frontEnd().store({ userId: 'u', data })
    const frontEnd = world.frontEnd({ random: failingAfter(0) })
    expect((await frontEnd.retrieve({ userId: 'u', recordKey })).data).to.deep.equal(data)
  })
})

describe('a vault', () => {
  it('wipes the key of a token after a call that failed, too', async () => {
    const world = await openWorld()
    try {
      const frontEnd = world.frontEnd()
      const { recordKey } = await frontEnd.store({ userId: 'u', data })
      const wiped = (request: { userId: string; recordName?: string }) =>
        keysClosedDuring(() => frontEnd.retrieve({ ...request, recordKey }).catch(() => undefined))
      // The token's key and the one combined from both halves; the token's alone where nothing was looked up.
      expect(await wiped({ userId: 'u' })).to.equal(2)
      expect(await wiped({ userId: 'u', recordName: 'absent' })).to.equal(2)
      expect(await wiped({ userId: 'u', recordName: '\ud800' })).to.equal(1)
      const broken = world.frontEnd({
        backend: instead(world.backend, { retrieveEnvelope: () => Promise.reject(new Error('down')) }),
      })
      const closed = keysClosedDuring(() => broken.retrieve({ userId: 'u', recordKey }).catch(() => undefined))
      expect(await closed).to.equal(1)
    } finally {
      await world.close()
    }
  })
})

async function drawsOf({ vault, service }: FrontEnd, keyMode: 1 | 2 | 3): Promise<number> {
  const { random } = vault
  const original = random.fill
  let made = 0
  random.fill = (memory) => {
    made += 1
    return original(memory)
  }
  const request = StoreRecordRequest.create({ userId: 'counted', data, keyMode })
  await service.storeRecord(request, { requestId: 'x', deadline: 1e15, signal: new AbortController().signal })
  return made
}
