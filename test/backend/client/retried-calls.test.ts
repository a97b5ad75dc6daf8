// A store that is retried after its answer was lost (ADR 14), on both engines: behind the client that retries, over a
// connection that breaks, with other callers who delete in between.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { batchingClient } from '../../../src/backend/client/batching-client.js'
import { backendService } from '../../../src/backend/service/service.js'
import type { PartStore } from '../../../src/backend/store/part-store.js'
import { endOfTime, type Store } from '../../../src/backend/store/store.js'
import { newClock } from '../../../src/core/clock.js'
import { VaultError } from '../../../src/core/errors.js'
import type { Methods } from '../../../src/core/methods.js'
import type {
  BackendServiceServer,
  KnownEnvelope,
  SealedRecord,
  StoreEnvelopeRequest,
  UserDocument,
} from '../../../src/gen/encserver/v1/backend.js'
import type { Precondition } from '../../../src/gen/encserver/v1/frontend.js'
import { absent, withKeyId } from '../../contract/store-under-test.js'
import { type SettableTime, settableTime } from '../../core/settable-time.js'
import { describeMongo, everyKind } from '../../servers/mongo.js'
import { noParts } from '../no-parts.js'
import { levelStore, mongoStore, type OpenedEngine } from '../opened-engines.js'
import {
  call,
  headerOf,
  keyId,
  reasonOf,
  sameKeyId,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeOf,
  storeTime,
} from '../samples.js'

function retriedStoreTests(open: () => Promise<OpenedEngine>): void {
  let opened: OpenedEngine
  let time: SettableTime
  let service: Methods<BackendServiceServer>
  let user: UserDocument

  beforeEach(async () => {
    opened = await open()
    time = settableTime(storeTime.getTime())
    service = backendService({ store: opened.store, parts: noParts, clock: newClock(time) })
    user = sampleUser()
  })
  afterEach(() => opened.cleanup())

  const sealed = () => sampleRecord(user, { storeTime: undefined })
  const next = (record: SealedRecord) => ({ ...record, envelope: sampleEnvelope() })
  const put = (record: SealedRecord, changes: Partial<StoreEnvelopeRequest> = {}) =>
    service.storeEnvelope(storeOf(record, { newUser: user, ...changes }), call)
  const remove = ({ recordId }: SealedRecord) =>
    service.deleteEnvelope({ recordIds: [recordId], expectKeyId: Buffer.alloc(0) }, call)
  const found = async ({ recordId }: SealedRecord) =>
    (await service.retrieveEnvelope({ recordIds: [recordId], version: 0n }, call)).record

  /** A store by a client whose batch breaks; `meanwhile` runs between the prior attempt and the retry. */
  async function broken(
    record: SealedRecord,
    meanwhile: (request: StoreEnvelopeRequest) => Promise<unknown>,
    precondition?: Precondition,
  ) {
    const request = storeOf(record, { newUser: user, precondition })
    const client = batchingClient({
      ...service,
      async *executeBatch() {
        await meanwhile(request)
        yield* []
        throw new VaultError('UNREACHABLE', { cause: new Error('connection reset') })
      },
    })
    const [answer] = await Promise.allSettled([
      client.storeEnvelope(request, call),
      client.retrieveEnvelope({ recordIds: [record.recordId], version: 0n }, call), // two make a batch
    ])
    if (answer.status === 'rejected') throw answer.reason
    return answer.value.result
  }
  const done = (request: StoreEnvelopeRequest) => service.storeEnvelope(request, call)
  const lost = async () => undefined
  const doneAndDeleted = async (request: StoreEnvelopeRequest) => {
    await done(request)
    time.pass(30)
    await remove(request.record as SealedRecord)
  }

  for (const [what, precondition] of Object.entries({ 'without a condition': undefined, 'if absent': absent })) {
    it(`${what} brings back no record that was deleted in between`, async () => {
      const record = sealed()
      expect(await reasonOf(broken(record, doneAndDeleted, precondition))).to.equal('OUTCOME_UNKNOWN')
      expect(await found(record)).to.equal(undefined)
    })

    it(`${what} succeeds when nothing was deleted, whether the prior attempt committed or not`, async () => {
      for (const meanwhile of [done, lost]) {
        expect(await broken(sealed(), meanwhile, precondition)).to.include({ $case: 'stored' })
      }
    })
  }

  /** The service on a store with some methods replaced. */
  const serving = (changes: Partial<Store>) =>
    backendService({ store: { ...opened.store, ...changes }, parts: noParts, clock: newClock(time) })

  it('brings back no record that is deleted just after the look at the row', async () => {
    const record = sealed()
    await put(record)
    let looks = 0
    const thenDeleted = async <Seen>(seen: Promise<Seen>) => {
      await seen
      looks += 1
      if (looks === 1) await remove(record)
      return seen
    }
    const slow = serving({
      getRecordHeader: (...asked) => thenDeleted(opened.store.getRecordHeader(...asked)),
      getDeleteWatermark: (...asked) => thenDeleted(opened.store.getDeleteWatermark(...asked)),
    })
    await slow.storeEnvelope(storeOf(record, { triedMsAgo: 100 }), call)
    expect(looks).to.equal(1)
    expect(await found(record)).to.equal(undefined)
  })

  it('brings back no record that was written and deleted while the version before it was kept', async () => {
    const record = sealed()
    await put(record, { keepVersions: 3 })
    const retried = next(record)
    const thenDeleted = serving({
      async putVersion(...version) {
        await opened.store.putVersion(...version)
        await put(retried)
        await remove(record)
      },
    })
    const again = thenDeleted.storeEnvelope(storeOf(retried, { triedMsAgo: 100 }), call)
    expect(await reasonOf(again)).to.equal('OUTCOME_UNKNOWN')
    expect(await found(record)).to.equal(undefined)
  })

  it('does not replace a record that has begun another life since', async () => {
    const record = sealed()
    const other = next(record)
    const reborn = async (request: StoreEnvelopeRequest) => {
      await doneAndDeleted(request)
      await put(other)
    }
    for (const precondition of [undefined, absent]) {
      expect(await reasonOf(broken(next(record), reborn, precondition))).to.equal('OUTCOME_UNKNOWN')
      expect((await found(record))?.envelope).to.deep.equal(other.envelope)
      await remove(record)
    }
  })

  it('on a key id succeeds when that is still current, and is unknown when it was deleted', async () => {
    const [record, neighbour] = [sealed(), sealed()]
    await put(record)
    await put(neighbour)
    const second = next(record)
    const deleting = () => remove(neighbour)
    expect(await broken(second, deleting, withKeyId(keyId(record)))).to.include({ $case: 'stored' })
    const third = broken(next(record), doneAndDeleted, withKeyId(keyId(second)))
    expect(await reasonOf(third)).to.equal('OUTCOME_UNKNOWN')
    expect(await found(record)).to.equal(undefined)
  })

  it('finds its result though another record of the user was deleted', async () => {
    const [record, neighbour] = [sealed(), sealed()]
    await put(neighbour)
    const both = async (request: StoreEnvelopeRequest) => {
      await done(request)
      await remove(neighbour)
    }
    expect(await broken(record, both)).to.include({ $case: 'stored' })
  })

  it('succeeds when the last delete was long before the prior attempt', async () => {
    const gone = sealed()
    await put(gone)
    await remove(gone)
    time.pass(121_000)
    expect(await broken(sealed(), lost)).to.include({ $case: 'stored' })
  })

  it('needs one watermark for many deletes of a user, and a new one before that is reached', async () => {
    let notes = 0
    const counting: Store = {
      ...opened.store,
      raiseDeleteWatermark(...note) {
        notes += 1
        return opened.store.raiseDeleteWatermark(...note)
      },
    }
    const records = Array.from({ length: 5 }, sealed)
    for (const record of records) await put(record)
    service = backendService({ store: counting, parts: noParts, clock: newClock(time) })
    for (const record of records.slice(0, 4)) await remove(record)
    expect(notes).to.equal(1)
    time.pass(35_000)
    await remove(records[4] as SealedRecord)
    expect(notes).to.equal(2)
  })

  it('is refused though it travelled half a minute, and the clock of its back end is half a minute ahead', async () => {
    const neighbour = sealed()
    await put(neighbour)
    await remove(neighbour)
    time.pass(29_999) // the note is not made anew
    const record = sealed()
    await put(record)
    await remove(record)
    const ahead = settableTime(time.wallMs() + 30_000)
    service = backendService({ store: opened.store, parts: noParts, clock: newClock(ahead) })
    ahead.pass(30_000)
    expect(await reasonOf(put(record, { triedMsAgo: 10 }))).to.equal('OUTCOME_UNKNOWN')
  })

  it('counts from its arrival, however long the read of its user takes', async () => {
    const record = sealed()
    await put(record)
    await remove(record)
    const slow = serving({
      getUser(...asked) {
        time.pass(200_000)
        return opened.store.getUser(...asked)
      },
    })
    expect(await reasonOf(slow.storeEnvelope(storeOf(record, { triedMsAgo: 10 }), call))).to.equal('OUTCOME_UNKNOWN')
  })

  it('sees deletes before the clock was set ahead, and when it is set back', async () => {
    const [record, other] = [sealed(), sealed()]
    for (const each of [record, other]) await put(each)
    const { store } = opened
    const right = backendService({ store, parts: noParts, clock: newClock(settableTime(time.wallMs())) })
    time.set(time.wallMs() + 3_600_000)
    await found(record) // looks at the clock
    for (const { recordId } of [record, other]) {
      await right.deleteEnvelope({ recordIds: [recordId], expectKeyId: Buffer.alloc(0) }, call)
    }
    expect(await reasonOf(put(record, { triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
    time.set(time.wallMs() - 3_600_000)
    expect(await reasonOf(put(other, { triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
  })

  it('sees deletes by a back end whose clock was ahead and is back', async () => {
    const record = sealed()
    await put(record)
    time.set(time.wallMs() + 100_000)
    await found(record)
    time.set(time.wallMs() - 100_000)
    time.pass(20_000)
    await remove(record)
    const noted = await opened.store.getDeleteWatermark(user.userPseudonym, call)
    expect(noted?.getTime()).to.equal(storeTime.getTime() + 160_000)
  })

  it('is known when a repeat by its caller was faster, and writes nothing', async () => {
    const record = sealed()
    const repeat = sameKeyId(record)
    const repeated = () => put(repeat, { triedMsAgo: 100 })
    expect(await broken(record, repeated)).to.deep.include({ $case: 'known' })
    const late = await put(record)
    expect(late.result).to.deep.include({ $case: 'known' })
    const { envelope, version } = (await found(record)) as SealedRecord
    expect([envelope, version]).to.deep.equal([repeat.envelope, 1n])
  })

  it('under its own header is known without the record when another write has replaced it', async () => {
    const record = sealed()
    const replaced = async (request: StoreEnvelopeRequest) => {
      await done(request)
      await put(next(record))
    }
    const result = await broken(record, replaced)
    expect(result).to.deep.include({ $case: 'known' })
    expect(result?.value).to.deep.include({ record: undefined, user })
    expect(result?.value).to.have.nested.property('stored.version', 1n)
  })

  it('is known with the user of the record, and its row cut to the header', async () => {
    const record = sealed()
    const first = await put(record)
    for (const triedMsAgo of [0, 100]) {
      const { result } = await put(sameKeyId(record), { triedMsAgo, newUser: undefined })
      const { record: row, ...rest } = (result as { value: KnownEnvelope }).value
      expect(rest).to.deep.equal({ user, stored: first.result?.value })
      expect(row).to.deep.include({ recordId: record.recordId, entryBox: record.entryBox, envelope: headerOf(record) })
    }
  })

  it('under a known key id, but of a former life of the user, is answered with the user of now', async () => {
    const record = sealed()
    await put(record)
    const former = { ...sameKeyId(record), userUid: randomBytes(16) }
    expect((await put(former, { newUser: undefined })).result).to.deep.equal({ $case: 'currentUser', value: user })
  })

  describe('that would be refused', () => {
    const again = (record: SealedRecord) => ({ newUser: undefined, triedMsAgo: 2_100, record })

    it('because it has expired is unknown if records were deleted since', async () => {
      const expiring = () => sampleRecord(user, { storeTime: undefined, expireTime: new Date(time.wallMs() + 1_000) })
      const [record, lostOne] = [expiring(), expiring()]
      await put(record)
      time.pass(2_000)
      expect(await reasonOf(put(lostOne, again(lostOne)))).to.equal('INVALID_REQUEST')
      const late = expiring()
      await put(late)
      await remove(late)
      time.pass(2_000)
      expect(await reasonOf(put(late, again(late)))).to.equal('OUTCOME_UNKNOWN')
      expect(await reasonOf(put(late))).to.equal('INVALID_REQUEST')
    })

    it('because its parts are missing is unknown if records were deleted since', async () => {
      let count = 2
      const parts = { state: async () => ({ count, begun: new Date(8.64e15) }) } as unknown as PartStore
      service = backendService({ store: opened.store, parts, clock: newClock(time), onReleased: () => (count = 0) })
      const large = () => sampleRecord(user, { storeTime: undefined, partCount: 2, envelope: sampleEnvelope(88) })
      const record = large()
      await put(record)
      count = 0
      expect((await put(record, again(record))).result).to.include({ $case: 'stored' })
      const other = large()
      expect(await reasonOf(put(other, again(other)))).to.equal('PARTS_MISSING')
      await remove(record)
      expect(await reasonOf(put(record, again(record)))).to.equal('OUTCOME_UNKNOWN')
      expect(await reasonOf(put(record))).to.equal('PARTS_MISSING')
    })
  })

  describe('of a record with more writes since than its row remembers', () => {
    async function replacedFiveTimes() {
      const records = [sealed()]
      for (let at = 0; at < 5; at += 1) records.push(next(records[0] as SealedRecord))
      for (const record of records) await put(record)
      return [records[0], records[5]] as [SealedRecord, SealedRecord]
    }

    for (const [what, precondition] of Object.entries({ 'without a condition': undefined, 'if absent': absent })) {
      it(`${what} replaces nothing`, async () => {
        const [first, last] = await replacedFiveTimes()
        expect(await reasonOf(put(first, { precondition, triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
        expect((await found(first))?.envelope).to.deep.equal(last.envelope)
      })
    }

    it('succeeds on the current key id', async () => {
      const [first, last] = await replacedFiveTimes()
      const again = put(next(first), { precondition: withKeyId(keyId(last)), triedMsAgo: 100 })
      expect((await again).result).to.include({ $case: 'stored' })
    })

    it('succeeds when all those writes were long before the prior attempt', async () => {
      let storedAt = new Date(time.wallMs() - 60_101)
      const now = () => storedAt
      service = backendService({ store: opened.store, parts: noParts, clock: newClock(time), now })
      const [early] = await replacedFiveTimes()
      expect((await put(next(early), { triedMsAgo: 100 })).result).to.include({ $case: 'stored' })
      storedAt = new Date(time.wallMs() - 60_100)
      const [late] = await replacedFiveTimes()
      expect(await reasonOf(put(next(late), { triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
    })
  })

  describe('a delete', () => {
    const deletion = (recordIds: Buffer[], expectKeyId = Buffer.alloc(0)) => ({ recordIds, expectKeyId })
    const noted = (pseudonym: Buffer) => opened.store.getDeleteWatermark(pseudonym, call)

    it('raises the watermark before the row is removed, each time half a minute or more ahead', async () => {
      const records = [sealed(), sealed()]
      for (const record of records) await put(record)
      const seen: number[] = []
      const watching = serving({
        async deleteRecord(...target) {
          seen.push(Number(await noted(user.userPseudonym)) - time.wallMs())
          return opened.store.deleteRecord(...target)
        },
      })
      for (const { recordId } of records) {
        await watching.deleteEnvelope(deletion([recordId]), call)
        time.pass(30_001)
      }
      expect(seen).to.deep.equal([60_000, 60_000])
    })

    it('removes nothing after the watermark, however long its caller waits', async () => {
      const record = sealed()
      await put(record)
      const deadlines: number[] = []
      const watching = serving({
        deleteRecord(target, { deadline, signal }) {
          deadlines.push(deadline)
          return opened.store.deleteRecord(target, { deadline, signal })
        },
      })
      const longest = Date.now() + 30_000
      await watching.deleteEnvelope(deletion([record.recordId]), call)
      await watching.deleteEnvelope(deletion([record.recordId]), { ...call, deadline: longest - 1_000 })
      expect(deadlines[0]).to.be.within(longest, Date.now() + 30_000)
      expect(deadlines[1]).to.equal(longest - 1_000)
    })

    it('raises the watermark for each row when it reaches that row, under the pseudonym of its id', async () => {
      const older = sampleUser({ userUid: user.userUid })
      const rows = [sealed(), sampleRecord(older, { storeTime: undefined })] as const
      await put(rows[0])
      await service.storeEnvelope(storeOf(rows[1], { newUser: older }), call)
      const slow = serving({
        async deleteRecord(...target) {
          time.pass(40_000)
          return opened.store.deleteRecord(...target)
        },
      })
      await slow.deleteEnvelope(deletion(rows.map(({ recordId }) => recordId)), call)
      expect(await noted(older.userPseudonym)).to.deep.equal(new Date(storeTime.getTime() + 60_000))
      expect(await noted(user.userPseudonym)).to.deep.equal(new Date(storeTime.getTime() + 100_000))
      for (const [row, newUser] of [
        [rows[0], user],
        [rows[1], older],
      ] as const) {
        expect(await reasonOf(put(row, { newUser, triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
      }
    })

    it('of a damaged row raises the watermark, and one whose row cannot be read does not', async () => {
      const record = sealed()
      await put(record)
      for (const [reason, answer] of [
        ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'],
        ['RECORD_CORRUPT', true],
      ] as const) {
        const failing = serving({ getRecordHeader: () => Promise.reject(new VaultError(reason)) })
        const deleted = failing.deleteEnvelope(deletion([record.recordId]), call)
        expect(
          await deleted.then(
            ({ deleted }) => deleted,
            (error: VaultError) => error.reason,
          ),
        ).to.equal(answer)
        expect((await noted(user.userPseudonym)) !== undefined).to.equal(answer === true)
      }
    })

    it('raises the watermark although a clock was a year ahead, and for a minute more', async () => {
      const [record, other] = [sealed(), sealed()]
      for (const each of [record, other]) await put(each)
      const yearAhead = backendService({
        store: opened.store,
        parts: noParts,
        clock: newClock(settableTime(time.wallMs() + 365 * 86_400_000)),
      })
      const { userPseudonym } = user
      for (const noteOver of [
        () => reasonOf(put(sealed(), { triedMsAgo: 100 })).then((reason) => expect(reason).to.equal('OUTCOME_UNKNOWN')),
        () => remove(other),
      ]) {
        await put(record)
        await yearAhead.deleteEnvelope(deletion([record.recordId]), call)
        expect(Number(await noted(userPseudonym))).to.be.above(time.wallMs() + 86_400_000)
        await noteOver()
        expect(await noted(userPseudonym)).to.deep.equal(new Date(time.wallMs() + 60_000))
        expect(await reasonOf(put(sealed(), { triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
        time.pass(120_101)
        expect((await put(sealed(), { triedMsAgo: 100 })).result).to.include({ $case: 'stored' })
      }
    })

    it('keeps a watermark that is ahead by less than an hour', async () => {
      const record = sealed()
      await put(record)
      const until = new Date(time.wallMs() + 3_660_000 - 1)
      await opened.store.raiseDeleteWatermark({ userPseudonym: user.userPseudonym, until, maxUntil: endOfTime }, call)
      await remove(record)
      expect(await reasonOf(put(sealed(), { triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
      expect(await noted(user.userPseudonym)).to.deep.equal(until)
    })

    it('counts up to the millisecond of the watermark', async () => {
      const { userPseudonym } = user
      const since = time.wallMs() - 60_000 - 100
      for (const [until, outcome] of [
        [since - 1, 'stored'],
        [since, 'OUTCOME_UNKNOWN'],
      ] as const) {
        await opened.store.raiseDeleteWatermark({ userPseudonym, until: new Date(until), maxUntil: endOfTime }, call)
        const answer = put(sealed(), { triedMsAgo: 100 })
        expect(
          await answer.then(
            ({ result }) => result?.$case,
            (error: VaultError) => error.reason,
          ),
        ).to.equal(outcome)
      }
    })

    it('of an absent record does not raise the watermark', async () => {
      await put(sealed())
      expect(await service.deleteEnvelope(deletion([sealed().recordId]), call)).to.deep.equal({ deleted: false })
      expect(await noted(user.userPseudonym)).to.equal(undefined)
    })
  })

  it('sees deletes after a restart, and those of another back end', async () => {
    const record = sealed()
    await put(record)
    const other = backendService({ store: opened.store, parts: noParts, clock: newClock(time) })
    await other.deleteEnvelope({ recordIds: [record.recordId], expectKeyId: Buffer.alloc(0) }, call)
    service = backendService({ store: opened.store, parts: noParts, clock: newClock(time) })
    expect(await reasonOf(put(record, { triedMsAgo: 100 }))).to.equal('OUTCOME_UNKNOWN')
    expect(await reasonOf(put(record, { triedMsAgo: 100, newUser: undefined }))).to.equal('OUTCOME_UNKNOWN')
    expect((await put(record)).result).to.include({ $case: 'stored' })
  })
}

describe('a retried store', () => {
  describe('on LevelDB', () => retriedStoreTests(levelStore))
  describeMongo('on MongoDB', everyKind, () => retriedStoreTests(mongoStore))
})
