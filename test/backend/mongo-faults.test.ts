// MongoDB behind a network that fails: the errors that callers get, the data that is left, and the recovery without a
// restart.
import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { expect } from 'chai'
import type { MongoLimits } from '../../src/backend/engines/mongo/client.js'
import { openMongoStore } from '../../src/backend/engines/mongo/store.js'
import type { Store, StoreCall, StoreHealth } from '../../src/backend/store/store.js'
import type { VaultError } from '../../src/core/errors.js'
import { Secret } from '../../src/core/secret.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { type FaultProxy, faultProxy } from '../servers/fault-proxy.js'
import { describeMongo, testMongo } from '../servers/mongo.js'
import {
  call,
  firstVersion,
  keyId,
  putOf,
  reasonOf,
  recordIdOf,
  rejection,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  until,
} from './samples.js'

/** What a deadline may be missed by, on a busy machine too; without one these calls would take longer. */
const slackMs = 20_000
/** Longer than any test waits. */
const foreverMs = 600_000

describeMongo('mongo-store behind a failing network', ['mongod', 'mongo-java-server'], () => {
  const user = sampleUser()
  let proxy: FaultProxy
  let store: Store
  let seen: StoreHealth[]

  before(async function () {
    this.timeout(300_000)
    setMaxListeners(0, call.signal)
    await testMongo()
  })

  beforeEach(async () => {
    proxy = await faultProxy((await testMongo()).port)
  })
  afterEach(async () => {
    await proxy.resume()
    await store.close()
    await proxy.close()
  })

  async function open(limits: Partial<MongoLimits> = {}): Promise<void> {
    store = await openMongoStore({
      uri: new Secret(Buffer.from(`mongodb://127.0.0.1:${proxy.port}/?directConnection=true`)),
      database: `test-${randomBytes(6).toString('hex')}`,
      limits: { waitMs: 500, commandMs: 2_000, heartbeatMs: 500, ...limits },
      backoff: { firstMs: 20, maxMs: 100 },
    })
    seen = []
    store.onHealth((health) => seen.push(health))
  }

  const put = async (record: SealedRecord, within: StoreCall = call) =>
    (await store.putRecord(putOf(record), within))?.stored
  const callFor = (ms: number): StoreCall => ({ ...call, deadline: Date.now() + ms })

  async function timed(work: Promise<unknown>): Promise<{ error: VaultError; ms: number }> {
    const start = performance.now()
    const error = await rejection(work)
    return { error, ms: performance.now() - start }
  }

  async function expectWorking(): Promise<void> {
    const record = sampleRecord(user)
    expect(await put(record)).to.include({ version: 1n })
    expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
  }

  for (const [name, begin] of [
    ['refuses connections', () => proxy.refuse()],
    ['takes connections and answers nothing', async () => proxy.silence()],
  ] as const) {
    describe(`that ${name}`, () => {
      it('opens unready, says so, and becomes ready by itself', async () => {
        await begin()
        const start = performance.now()
        await open()
        expect(performance.now() - start).to.be.lessThan(500 + slackMs)
        expect(store.health()).to.equal('STORE_UNAVAILABLE')
        const { error, ms } = await timed(put(sampleRecord(user), callFor(60_000)))
        expect(error).to.include({ reason: 'STORE_UNAVAILABLE', retryAfterMs: 1000 })
        expect(ms).to.be.lessThan(500 + slackMs)
        await proxy.resume()
        await until(() => store.health() === 'ready')
        expect(seen).to.deep.equal(['ready'])
        await expectWorking()
      })

      it('rejects with STORE_UNAVAILABLE before a short deadline', async () => {
        await begin()
        await open()
        expect(await reasonOf(store.getRecord(recordIdOf(user), callFor(5_000)))).to.equal('STORE_UNAVAILABLE')
      })

      it('closes soon', async () => {
        await begin()
        await open()
        const start = performance.now()
        await store.close()
        expect(performance.now() - start).to.be.lessThan(500 + slackMs)
      })

      it('recovers an open store, and loses nothing', async () => {
        await open()
        const record = sampleRecord(user)
        await put(record)
        await begin()
        await until(() => store.health() === 'STORE_UNAVAILABLE')
        expect(await reasonOf(store.getRecord(record.recordId, callFor(30_000)))).to.equal('STORE_UNAVAILABLE')
        await proxy.resume()
        await until(() => store.health() === 'ready')
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
        await expectWorking()
      })
    })
  }

  it('answers a call that waits for a ready store as soon as it is', async () => {
    await proxy.refuse()
    await open({ waitMs: 3_000 })
    const stored = put(sampleRecord(user), callFor(60_000))
    await proxy.resume()
    expect(await stored).to.include({ version: 1n })
  })

  it('loses no acknowledged write when connections break in the middle of them', async () => {
    await open({ waitMs: 30_000 })
    const acknowledged: SealedRecord[] = []
    const reasons = new Set<string>()
    let writing = true
    async function writer(): Promise<void> {
      while (writing) {
        const record = sampleRecord(user)
        const stored = put(record).then(
          () => acknowledged.push(record),
          ({ reason }: VaultError) => reasons.add(reason),
        )
        await stored
      }
    }
    const writers = Array.from({ length: 16 }, writer)
    for (let times = 0; times < 10; times += 1) {
      const before = acknowledged.length
      await until(() => acknowledged.length >= before + 30)
      proxy.cut()
    }
    writing = false
    await Promise.all(writers)
    expect([...reasons]).to.deep.equal(['STORE_UNAVAILABLE'])
    await until(() => store.health() === 'ready')
    for (const record of acknowledged) {
      // The pool may still have a connection that was cut, which costs a read its first try.
      const found = await store.getRecord(record.recordId, call).catch(() => store.getRecord(record.recordId, call))
      expect(found).to.deep.equal(firstVersion(record))
    }
  })

  it('finds a write whose answer was lost by its key id', async () => {
    await open()
    const record = sampleRecord(user)
    const next = { ...record, envelope: sampleEnvelope() }
    for (const [command, version, write] of [
      ['insert', 1n, record],
      ['update', 2n, next],
    ] as const) {
      proxy.cutAnswerTo(command)
      expect(await reasonOf(put(write))).to.equal('STORE_UNAVAILABLE')
      const replacedKeyIds = write === record ? [] : [keyId(record)]
      const row = { ...write, version, replacedKeyIds, lifeId: keyId(record) }
      expect(await store.getRecord(record.recordId, call)).to.deep.equal(row)
      expect(await put(write)).to.include({ version })
    }
  })

  it('keeps deadlines before a slow server, and serves callers with time to wait', async () => {
    await open({ waitMs: 10_000, commandMs: 20_000, heartbeatMs: 60_000 })
    const record = sampleRecord(user)
    await put(record)
    proxy.delay(foreverMs)
    for (const late of [put(sampleRecord(user), callFor(200)), store.getRecord(record.recordId, callFor(200))]) {
      const { error, ms } = await timed(late)
      expect(error.reason).to.equal('DEADLINE_EXCEEDED')
      expect(ms).to.be.lessThan(200 + slackMs)
    }
    proxy.delay(400)
    expect(await store.getRecord(record.recordId, callFor(60_000))).to.deep.equal(firstVersion(record))
    proxy.cut() // its end would wait for the commands that are delayed
  })

  it('keeps deadlines when connections fall silent, and closes these', async () => {
    await open({ maxPoolSize: 4 })
    await Promise.all(Array.from({ length: 4 }, expectWorking))
    proxy.silence()
    const late = await Promise.all(Array.from({ length: 4 }, () => timed(put(sampleRecord(user), callFor(300)))))
    for (const { error, ms } of late) {
      expect(error.reason).to.equal('DEADLINE_EXCEEDED')
      expect(ms).to.be.within(250, 300 + slackMs)
    }
    await until(() => store.health() === 'STORE_UNAVAILABLE')
    await proxy.resume()
    await until(() => store.health() === 'ready')
    await Promise.all(Array.from({ length: 8 }, expectWorking))
  })

  it('rejects at once when the caller cancels', async () => {
    await open()
    proxy.delay(foreverMs)
    const cancelling = new AbortController()
    setTimeout(() => cancelling.abort(), 50)
    const { error, ms } = await timed(put(sampleRecord(user), { ...call, signal: cancelling.signal }))
    expect(error.reason).to.equal('CANCELLED')
    expect(ms).to.be.lessThan(50 + slackMs)
    proxy.cut()
  })

  it('rejects with OVERLOADED a call that waits too long for a connection, and never begins it', async () => {
    await open({ maxPoolSize: 2 })
    await expectWorking()
    proxy.delay(300)
    const records = Array.from({ length: 20 }, () => sampleRecord(user))
    const outcomes = await Promise.allSettled(records.map((record) => put(record)))
    await proxy.resume()
    const refused = records.filter((_, at) => outcomes[at]?.status === 'rejected')
    expect(refused).to.have.length.within(10, 19)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
    }
    for (const [at, record] of records.entries()) {
      const stored = await store.getRecord(record.recordId, call)
      expect(stored !== undefined).to.equal(outcomes[at]?.status === 'fulfilled')
    }
  })
})
