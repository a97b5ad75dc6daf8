// A record that expires, by the word that is sealed with it. The times are near the true one, so that the back end, which
// has a clock of its own, thinks nothing has expired: what is refused here is refused by the front end.
import { expect } from 'chai'
import { newClock } from '../../src/core/clock.js'
import { invalidField } from '../../src/core/errors.js'
import type { Backend } from '../../src/frontend/upstream/backend.js'
import type { SealedRecord, StoreEnvelopeRequest } from '../../src/gen/encserver/v1/backend.js'
import { settableTime } from '../core/settable-time.js'
import { answer } from './refusal.js'
import { type FrontEnd, type FrontEndParts, instead, openWorld, type World } from './world.js'

const data = Buffer.from('contents')
const hour = 3_600_000
const invalid = (description: string) => ({
  code: 3,
  reason: 'INVALID_REQUEST',
  message: `expire_time: ${description}`,
  fields: [{ field: 'expire_time', description }],
  retryAfterMs: undefined,
})
const notFound = { code: 5, reason: 'RECORD_NOT_FOUND', message: 'no such record', fields: [], retryAfterMs: undefined }

describe('a record that expires', () => {
  let world: World
  const start = Date.now()
  let time: ReturnType<typeof settableTime>
  let frontEnd: FrontEnd
  let users = 0
  const expireTime = new Date(start + 2 * hour)

  const opened = (parts: FrontEndParts = {}) => world.frontEnd({ clock: newClock(time), ...parts })
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())
  beforeEach(() => {
    time = settableTime(start)
    frontEnd = opened()
  })

  const stored = async (keyMode: 1 | 2 | 3 = 3) => {
    users += 1
    const userId = `user-${users}`
    const { recordKey, keyId } = await frontEnd.store({ userId, recordName: 'r', data, keyMode, expireTime })
    return { userId, recordName: 'r', recordKey, keyId }
  }
  type Stored = Awaited<ReturnType<typeof stored>>

  const expectThere = async (reader: FrontEnd, { keyId: _, ...request }: Stored) => {
    const { record } = await reader.retrieve(request)
    expect(record?.expireTime).to.deep.equal(expireTime)
    const { records, unreadableCount } = await reader.list({ userId: request.userId })
    expect(records.map((info) => info.expireTime)).to.deep.equal([expireTime])
    expect(unreadableCount).to.equal(0)
  }
  const expectGone = async (reader: FrontEnd, { keyId, ...request }: Stored) => {
    expect(await answer(reader.retrieve(request))).to.deep.equal(notFound)
    expect(await answer(reader.retrieve({ ...request, expectKeyId: keyId }))).to.deep.equal(notFound)
    const none = { records: [], nextPageToken: '', unreadableCount: 0 }
    expect(await reader.list({ userId: request.userId })).to.deep.equal(none)
  }

  for (const keyMode of [1, 2, 3] as const) {
    it(`is there until that time and not from it on, in mode ${keyMode}`, async () => {
      const request = await stored(keyMode)
      await expectThere(frontEnd, request)
      time.pass(2 * hour - 1)
      await expectThere(frontEnd, request)
      time.pass(1)
      await expectGone(frontEnd, request)
    })
  }

  it('is sent to the back end with its time, and stored again without one it lives on', async () => {
    const sent: StoreEnvelopeRequest[] = []
    const storeEnvelope: Backend['storeEnvelope'] = (request, call) => {
      sent.push(request)
      return world.backend.storeEnvelope(request, call)
    }
    const recorded = opened({ backend: instead(world.backend, { storeEnvelope }) })
    await recorded.store({ userId: 'sent', data, expireTime })
    const { recordKey } = await recorded.store({ userId: 'sent', data })
    expect(sent.map(({ record }) => record?.expireTime)).to.deep.equal([expireTime, undefined])
    time.pass(3 * hour)
    expect((await recorded.retrieve({ userId: 'sent', recordKey })).record?.expireTime).to.equal(undefined)
  })

  it('does not come back to life when the clock is set back', async () => {
    const request = await stored()
    time.pass(2 * hour)
    await expectGone(frontEnd, request)
    time.set(start)
    await expectGone(frontEnd, request)
  })

  it('does not come back to life when the clock is set back, though only a store has looked at it', async () => {
    const request = await stored()
    time.pass(2 * hour)
    await frontEnd.store({ userId: 'other', data, expireTime: new Date(start + 3 * hour) })
    time.set(start)
    await expectGone(frontEnd, request)
  })

  it('is refused while the clock is ahead, and is there again when a front end starts after it was set right', async () => {
    const request = await stored()
    time.set(start + 100 * hour)
    await expectGone(frontEnd, request)
    time.set(start)
    await expectThere(opened(), request)
  })

  it('must expire later than any time the clock has shown, whatever it was set back to', async () => {
    time.pass(hour)
    await stored()
    time.set(start - 100 * hour)
    const passed = frontEnd.store({ userId: 'any', data, expireTime: new Date(start + hour) })
    expect(await answer(passed)).to.deep.equal(invalid('must be in the future'))
  })

  describe('under a back end that says otherwise', () => {
    const told = (change: Partial<SealedRecord>): FrontEnd => {
      const lie = (record: SealedRecord) => ({ ...record, ...change })
      const backend = instead(world.backend, {
        async retrieveEnvelope(request, call) {
          const { record, user } = await world.backend.retrieveEnvelope(request, call)
          return { record: record && lie(record), user }
        },
        async listEnvelopes(request, call) {
          const page = await world.backend.listEnvelopes(request, call)
          return { ...page, records: page.records.map(lie) }
        },
      })
      return opened({ backend })
    }
    for (const [what, said] of [
      ['that it never expires', undefined],
      ['that it expires later', new Date(start + 1_000 * hour)],
      ['that it has expired', new Date(start - hour)],
      ['no time at all', new Date(Number.NaN)],
    ] as const) {
      it(`(${what}) expires when its caller said`, async () => {
        const request = await stored()
        const liar = told({ expireTime: said })
        await expectThere(liar, request)
        time.pass(2 * hour)
        await expectGone(liar, request)
      })
    }

    it('(that it expires) does not expire, if its caller said nothing', async () => {
      const { recordKey } = await frontEnd.store({ userId: 'forever', data })
      const liar = told({ expireTime: new Date(start + hour) })
      time.pass(2 * hour)
      expect((await liar.retrieve({ userId: 'forever', recordKey })).record?.expireTime).to.equal(undefined)
      expect((await liar.list({ userId: 'forever' })).records).to.have.length(1)
    })
  })

  it('is refused, or cannot be restored, when the back end is ahead and thinks that its time has passed', async () => {
    const past = () => Promise.reject(invalidField('record.expire_time', 'must be in the future'))
    const { userId, recordName, recordKey } = await stored()
    // The current version stands in for a kept one.
    const retrieveEnvelope: Backend['retrieveEnvelope'] = (request, call) =>
      world.backend.retrieveEnvelope({ ...request, version: 0n }, call)
    const late = opened({ backend: instead(world.backend, { storeEnvelope: past, retrieveEnvelope }) })
    const refused = invalid("must be in the future, by the back end's clock as well")
    expect(await answer(late.store({ userId, data, expireTime }))).to.deep.equal(refused)
    expect(await answer(late.restore({ userId, recordName, recordKey, version: 1n }))).to.deep.equal(notFound)
  })

  for (const [what, given, description] of [
    ['in the past', new Date(start - 1), 'must be in the future'],
    ['that is now', new Date(start), 'must be in the future'],
    ['before 1970', new Date(-1), 'must be in the future'],
    ['after the year 9999', new Date(Date.UTC(10_000, 0)), 'must be a time before the year 10000'],
    ['that is none', new Date(Number.NaN), 'must be a time before the year 10000'],
  ] as const) {
    it(`is refused with a time ${what}`, async () => {
      expect(await answer(frontEnd.store({ userId: 'refused', data, expireTime: given }))).to.deep.equal(
        invalid(description),
      )
      expect(await world.userDocument(frontEnd, 'refused')).to.equal(undefined)
    })
  }
})
