import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { expect } from 'chai'
import { backendService } from '../../../src/backend/service/service.js'
import type { Store } from '../../../src/backend/store/store.js'
import { startSweep, sweepPass } from '../../../src/backend/sweep/expired-sweep.js'
import { newClock } from '../../../src/core/clock.js'
import { VaultError } from '../../../src/core/errors.js'
import type { Methods } from '../../../src/core/methods.js'
import type { BackendServiceServer, SealedRecord, UserDocument } from '../../../src/gen/encserver/v1/backend.js'
import { type SettableTime, settableTime } from '../../core/settable-time.js'
import { describeMongo, everyKind } from '../../servers/mongo.js'
import { twoParts } from '../no-parts.js'
import { levelStore, mongoStore, type OpenedEngine } from '../opened-engines.js'
import { call, keyId, sampleEnvelope, sampleRecord, sampleUser, storeOf, until } from '../samples.js'

const startMs = Date.parse('2025-03-01T12:00:00Z')
const hourMs = 3_600_000

function sweepTests(open: () => Promise<OpenedEngine>): void {
  let opened: OpenedEngine
  let store: Store
  let time: SettableTime
  let service: Methods<BackendServiceServer>
  let sweep: () => Promise<void>
  let user: UserDocument
  let released: string[]
  let failures: unknown[]

  beforeEach(async () => {
    opened = await open()
    store = opened.store
    time = settableTime(startMs)
    released = []
    failures = []
    const clock = newClock(time)
    const options = {
      store,
      parts: twoParts,
      clock,
      onReleased: (set: { setId: Buffer }) => void released.push(set.setId.toString('hex')),
    }
    service = backendService({ ...options, onPruneFailure: (error) => failures.push(error) })
    const pass = sweepPass({ ...options, onError: (error) => failures.push(error) })
    sweep = () => pass(call)
    user = sampleUser()
  })
  afterEach(async () => {
    await opened.cleanup()
    expect(failures).to.deep.equal([])
  })

  const inMs = (ms: number) => new Date(startMs + ms)
  const sealed = (changes: Partial<SealedRecord> = {}) => sampleRecord(user, { storeTime: undefined, ...changes })
  const inParts = () => ({ partCount: 2, envelope: sampleEnvelope(88) })
  const next = (record: SealedRecord, changes: Partial<SealedRecord> = {}) => ({
    ...record,
    envelope: sampleEnvelope(),
    expireTime: undefined,
    partCount: 0,
    ...changes,
  })
  const hexKeys = (...records: SealedRecord[]) => records.map((record) => keyId(record).toString('hex'))

  async function put(record: SealedRecord, keepVersions = 0): Promise<void> {
    await service.storeEnvelope(storeOf(record, { newUser: user, keepVersions }), call)
  }

  it('passes a record that it cannot read, and removes it once it can', async () => {
    const records = Array.from({ length: 140 }, () => sealed({ expireTime: inMs(hourMs) }))
    for (const record of records) await put(record)
    const unreadable = new Set(hexKeys(...records.slice(0, 70)))
    const told: unknown[] = []
    const reading: Store = {
      ...store,
      async getRecordHeader(recordId, context) {
        const record = await store.getRecordHeader(recordId, context)
        if (record && unreadable.has(keyId(record).toString('hex'))) throw new VaultError('RECORD_CORRUPT')
        return record
      },
    }
    const removed: number[] = []
    const pass = sweepPass({
      store: reading,
      clock: newClock(time),
      onError: (error) => told.push(error),
      onRemoved: (count) => removed.push(count),
    })
    const left = async () => (await Promise.all(records.map(row))).filter((record) => record !== undefined).length
    time.pass(2 * hourMs)
    await pass(call)
    expect([await left(), told.length]).to.deep.equal([70, 70])
    unreadable.clear()
    await pass(call)
    expect([await left(), told.length]).to.deep.equal([0, 70])
    await pass(call) // there is nothing left to tell of
    expect(removed).to.deep.equal([70, 70])
  })

  const retrieved = async ({ recordId }: SealedRecord, version = 0n) =>
    (await service.retrieveEnvelope({ recordIds: [recordId], version }, call)).record
  const row = ({ recordId }: SealedRecord) => store.getRecordHeader(recordId, call)
  const documents = async ({ recordId }: SealedRecord) => (await store.listVersions({ recordId }, call)).map(keyId)
  const due = async () => (await store.listDue({ by: inMs(10 * hourMs), limit: 1000 }, call)).length

  it('removes expired records, and nothing else', async () => {
    const [going, staying, never] = [sealed({ expireTime: inMs(1000) }), sealed({ expireTime: inMs(1001) }), sealed()]
    for (const record of [going, staying, never]) await put(record)
    time.pass(999)
    await sweep()
    expect(await row(going)).not.to.equal(undefined)
    time.pass(1)
    expect(await retrieved(going)).to.equal(undefined)
    await sweep()
    expect(await row(going)).to.equal(undefined)
    expect(await retrieved(staying)).not.to.equal(undefined)
    expect(await retrieved(never)).not.to.equal(undefined)
    expect(await due()).to.equal(1)
    expect(released).to.deep.equal([])
  })

  it('removes many in one pass', async () => {
    const records = Array.from({ length: 200 }, () => sealed({ expireTime: inMs(1000) }))
    await Promise.all(records.map((record) => put(record)))
    time.pass(1000)
    await sweep()
    expect(await due()).to.equal(0)
    expect(await Promise.all(records.map(row))).to.deep.equal(records.map(() => undefined))
  })

  it('removes the versions too, and reports unreferenced part sets', async () => {
    const first = sealed(inParts())
    const second = next(first, inParts())
    const third = next(first, { ...inParts(), expireTime: inMs(1000) })
    for (const record of [first, second, third]) await put(record, 5)
    expect(released).to.deep.equal([])
    time.pass(1000)
    await sweep()
    expect(await row(first)).to.equal(undefined)
    expect(await documents(first)).to.deep.equal([])
    expect(released).to.have.members(hexKeys(first, second, third))
  })

  it('removes a kept version that has expired by itself', async () => {
    const first = sealed({ ...inParts(), expireTime: inMs(1000) })
    const second = next(first)
    const third = next(first)
    for (const record of [first, second, third]) await put(record, 5)
    time.pass(1000)
    expect(await retrieved(first, 1n)).to.equal(undefined)
    await sweep()
    expect(await documents(first)).to.deep.equal([keyId(second)])
    expect(await retrieved(first, 2n)).not.to.equal(undefined)
    expect(released).to.deep.equal(hexKeys(first))
    expect(await due()).to.equal(0)
  })

  it('keeps a record whose expiry was extended or removed', async () => {
    const [longer, forever] = [sealed({ expireTime: inMs(1000) }), sealed({ expireTime: inMs(1000) })]
    for (const record of [longer, forever]) await put(record)
    await put(next(longer, { expireTime: inMs(2000) }))
    await put(next(forever))
    time.pass(1500)
    await sweep()
    expect(await retrieved(longer)).to.include({ version: 2n })
    expect(await retrieved(forever)).to.include({ version: 2n })
    time.pass(500)
    await sweep()
    expect(await row(longer)).to.equal(undefined)
    expect(await row(forever)).not.to.equal(undefined)
  })

  it('removes nothing early when the clock is set ahead, though it is refused', async () => {
    const record = sealed({ expireTime: inMs(2 * hourMs) })
    await put(record)
    time.set(startMs + 24 * hourMs)
    expect(await retrieved(record)).to.equal(undefined)
    await sweep()
    expect(await row(record)).not.to.equal(undefined)
    time.pass(2 * hourMs)
    await sweep()
    expect(await row(record)).to.equal(undefined)
  })

  it('brings nothing back when the clock is set back, and removes it when it expires', async () => {
    const record = sealed({ expireTime: inMs(1000) })
    await put(record)
    time.pass(1000)
    expect(await retrieved(record)).to.equal(undefined)
    time.set(startMs - hourMs)
    expect(await retrieved(record)).to.equal(undefined)
    await sweep()
    expect(await row(record)).not.to.equal(undefined)
    time.pass(hourMs + 1000)
    await sweep()
    expect(await row(record)).to.equal(undefined)
  })

  it('removes the versions of a life that is over, which a crash has left', async () => {
    const record = sealed(inParts())
    await put(record)
    const former = { ...next(record, inParts()), lifeId: randomBytes(16), version: 3n }
    await store.putVersion(former, call)
    const nobodys = { ...sealed(), lifeId: randomBytes(16), version: 1n }
    await store.putVersion(nobodys, call)
    await sweep()
    expect([await documents(record), await documents(nobodys)]).to.deep.equal([[], []])
    expect(await retrieved(record)).not.to.equal(undefined)
    expect(released).to.deep.equal(hexKeys(former))
  })

  it('removes versions below the kept ones, and keeps one that is being written', async () => {
    const record = sealed()
    await put(record)
    for (let time = 0; time < 3; time += 1) await put(next(record), 2)
    const current = (await row(record)) as SealedRecord
    const kept = await documents(record)
    const dead = { ...next(current), version: 1n }
    const onItsWay = { ...current }
    await Promise.all([dead, onItsWay].map((version) => store.putVersion(version, call)))
    await sweep()
    expect(await documents(record)).to.deep.equal([...kept, keyId(onItsWay)])
    expect(released).to.deep.equal([])
  })

  it('reaches all records with versions, however many', async () => {
    const orphans = Array.from({ length: 600 }, () => ({ ...sealed(), lifeId: randomBytes(16), version: 1n }))
    await Promise.all(orphans.map((orphan) => store.putVersion(orphan, call)))
    for (let pass = 0; pass < 3; pass += 1) await sweep()
    expect((await store.versionedRecords({ after: undefined, limit: 10 }, call)).recordIds).to.deep.equal([])
  })

  it('loses no concurrent write', async () => {
    const records = Array.from({ length: 40 }, () => sealed({ expireTime: inMs(1000) }))
    await Promise.all(records.map((record) => put(record, 3)))
    time.pass(1000)
    const writes = records.map((record) => put(next(record), 3))
    await Promise.all([sweep(), ...writes])
    for (const record of records) expect(await retrieved(record)).to.include({ version: 1n })
  })
}

describe('sweep', () => {
  describe('on LevelDB', () => sweepTests(levelStore))
  describeMongo('on MongoDB', everyKind, () => {
    before(() => setMaxListeners(0, call.signal)) // all calls of a test have this one
    sweepTests(mongoStore)
  })

  describe('by itself', () => {
    let opened: OpenedEngine

    beforeEach(async () => {
      opened = await levelStore()
    })
    afterEach(() => opened.cleanup())

    const clock = newClock()

    it('makes a pass after each interval, until it is stopped', async () => {
      let passes = 0
      const store: Store = {
        ...opened.store,
        listDue(query, within) {
          passes += 1
          return opened.store.listDue(query, within)
        },
      }
      const sweep = startSweep({ store, clock, intervalMs: 5, onError: (error) => expect.fail(String(error)) })
      await until(() => passes >= 3)
      await sweep.stop()
      const then = passes
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(passes).to.equal(then)
    })

    it('reports an error, and continues', async () => {
      const told: unknown[] = []
      const error = new VaultError('STORE_UNAVAILABLE')
      const store: Store = { ...opened.store, listDue: () => Promise.reject(error) }
      const sweep = startSweep({ store, clock, intervalMs: 5, onError: (thrown) => told.push(thrown) })
      await until(() => told.length >= 3)
      await sweep.stop()
      expect(new Set(told)).to.deep.equal(new Set([error]))
    })

    it('is quiet while the store is not ready', async () => {
      const store: Store = {
        ...opened.store,
        health: () => 'STORE_UNAVAILABLE',
        listDue: () => expect.fail('it was asked'),
      }
      await sweepPass({ store, clock, onError: (error) => expect.fail(String(error)) })(call)
    })

    it('ends a pass in its middle when it is stopped, without an error', async () => {
      const store: Store = {
        ...opened.store,
        listDue: (_, { signal }) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(new VaultError('CANCELLED')))),
      }
      const sweep = startSweep({ store, clock, intervalMs: 1, onError: (error) => expect.fail(String(error)) })
      await new Promise((resolve) => setTimeout(resolve, 20))
      await sweep.stop()
    })

    it('passes a record that cannot be read, and reports it', async () => {
      const told: unknown[] = []
      const record = { ...sampleRecord(sampleUser()), lifeId: randomBytes(16), version: 1n }
      await opened.store.putVersion(record, call)
      const error = new VaultError('RECORD_CORRUPT')
      const store: Store = { ...opened.store, getRecordHeader: () => Promise.reject(error) }
      await sweepPass({ store, clock, onError: (thrown) => told.push(thrown) })(call)
      expect(told).to.deep.equal([error])
    })
  })
})
