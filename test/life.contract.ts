// What every engine behind the Store interface must do for records that expire and keep versions; store.contract.ts has
// the rest. Time is what the tests say it is.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { isExpired } from '../src/backend/expiry.js'
import type { Put, Store } from '../src/backend/store.js'
import { listVersions, putKeeping, refersTo } from '../src/backend/versions.js'
import { type Clock, newClock } from '../src/core/clock.js'
import type { VaultError } from '../src/core/errors.js'
import type { SealedRecord, UserDocument } from '../src/gen/encserver/v1/backend.js'
import type { Precondition } from '../src/gen/encserver/v1/frontend.js'
import {
  call,
  firstVersion,
  keyId,
  putInto,
  putOf,
  reasonOf,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeTime,
} from './backend/samples.js'
import type { OpenedStore } from './contract/store-under-test.js'

const absent: Precondition = { condition: { $case: 'absent', value: true } }
const later = (ms: number) => new Date(storeTime.getTime() + ms)
const numbersOf = (records: SealedRecord[]) => records.map(({ version }) => Number(version))

export function lifeContract(name: string, open: () => Promise<OpenedStore>): void {
  describe(`${name} as a store of records that end`, () => {
    let opened: OpenedStore
    let store: Store
    let user: UserDocument

    beforeEach(async () => {
      opened = await open()
      store = opened.store
      user = sampleUser()
    })
    afterEach(() => opened.cleanup())

    const put = (record: SealedRecord, changes: Partial<Put> = {}) => putInto(store, record, changes)
    const next = (record: SealedRecord, changes: Partial<SealedRecord> = {}): SealedRecord => ({
      ...record,
      envelope: sampleEnvelope(),
      ...changes,
    })
    const dueBy = async (by: Date, limit = 100) => {
      const due = await store.expired({ by, limit }, call)
      return due.map(({ recordId }) => recordId.toString('hex'))
    }
    const hex = (...records: SealedRecord[]) => records.map(({ recordId }) => recordId.toString('hex'))

    /** A record as it is after so many puts, the last with these terms. */
    async function putTimes(count: number, changes: Partial<Put>): Promise<SealedRecord[]> {
      const first = sampleRecord(user)
      const records = [first, ...Array.from({ length: count - 1 }, () => next(first))]
      const clock = { forRefusing: () => storeTime, forRemoving: () => storeTime }
      for (const record of records) {
        await putKeeping({ store, clock }, putOf(record, changes), call)
      }
      return records
    }

    describe('rows', () => {
      it('keep parts, expiry and the name of their life', async () => {
        const expireTime = new Date('9999-12-31T23:59:59.999Z')
        const record = sampleRecord(user, { envelope: sampleEnvelope(88), partCount: 2 ** 20, expireTime })
        await put(record)
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
        expect(await store.getRecordHeader(record.recordId, call)).to.deep.equal(firstVersion(record))
        const replaced = next(record, { partCount: 0, expireTime: undefined })
        await put(replaced)
        const row = await store.getRecord(record.recordId, call)
        expect(row).to.deep.include({ partCount: 0, expireTime: undefined, lifeId: keyId(record), keptVersions: 0 })
      })

      it('are read without their chunks', async () => {
        const record = sampleRecord(user)
        await put(record)
        const envelope = record.envelope.subarray(0, 88)
        expect(await store.getRecordHeader(record.recordId, call)).to.deep.equal({ ...firstVersion(record), envelope })
        expect(await store.getRecordHeader(randomBytes(72), call)).to.equal(undefined)
      })

      it('that are replaced or deleted are told', async () => {
        const record = sampleRecord(user, { partCount: 3, envelope: sampleEnvelope(88) })
        const first = await store.putRecord(putOf(record), call)
        expect(first?.change).to.deep.equal({ from: undefined, to: firstVersion(record) })
        expect((await store.putRecord(putOf(record), call))?.change).to.equal(undefined)
        const second = await store.putRecord(putOf(next(record)), call)
        expect(second?.change?.from).to.deep.include({ recordId: record.recordId, partCount: 3, version: 1n })
        const { recordId, userUid } = record
        const removed = await store.deleteRecord({ recordId, userUid, expectKeyId: undefined, now: storeTime }, call)
        expect(removed).to.deep.include({ recordId, version: 2n, lifeId: keyId(record) })
      })
    })

    describe('what has expired', () => {
      const soon = later(1000)

      it('counts as absent from its very time on, and a new life begins over it', async () => {
        const record = sampleRecord(user, { expireTime: soon })
        await put(record)
        expect(await reasonOf(put(next(record), { precondition: absent, now: later(999) }))).to.equal('ALREADY_EXISTS')
        const byKeyId: Precondition = { condition: { $case: 'keyId', value: keyId(record) } }
        const late = next(record, { expireTime: undefined })
        expect(await reasonOf(put(late, { precondition: byKeyId, now: soon }))).to.equal('PRECONDITION_FAILED')
        expect(await put(late, { precondition: absent, now: soon })).to.include({ version: 1n })
        expect(await store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(late))
      })

      it('is not deleted by a call, whose answer is that there is none', async () => {
        const record = sampleRecord(user, { expireTime: soon })
        await put(record)
        const { recordId, userUid } = record
        for (const expectKeyId of [undefined, keyId(record), randomBytes(16)]) {
          expect(await store.deleteRecord({ recordId, userUid, expectKeyId, now: soon }, call)).to.equal(undefined)
        }
        const target = { recordId, userUid, expectKeyId: keyId(record), now: later(999) }
        expect(await store.deleteRecord(target, call)).not.to.equal(undefined)
      })

      it('is removed by who sweeps, by compare-and-set', async () => {
        const record = sampleRecord(user, { expireTime: soon })
        await put(record)
        const target = { recordId: record.recordId, userUid: record.userUid, now: undefined }
        const wrong = store.deleteRecord({ ...target, expectKeyId: randomBytes(16) }, call)
        expect(await reasonOf(wrong)).to.equal('PRECONDITION_FAILED')
        expect(await store.deleteRecord({ ...target, expectKeyId: keyId(record) }, call)).not.to.equal(undefined)
      })

      it('is not listed, and ends no page before its time', async () => {
        const [staying, going] = [sampleRecord(user), sampleRecord(user, { expireTime: soon })]
        await Promise.all([staying, going].map((record) => put(record)))
        const range = { ...user, after: undefined, limit: 2, maxBytes: 1 << 20 }
        const listed = async (now: Date) => hex(...(await store.listRecords({ ...range, now }, call)).records)
        expect(await listed(later(999))).to.have.members(hex(staying, going))
        expect(await listed(soon)).to.deep.equal(hex(staying))
      })

      it('cannot be put any more, but was put by who repeats it', async () => {
        const record = sampleRecord(user, { expireTime: soon })
        const error = await put(record, { now: soon }).catch((thrown: VaultError) => thrown)
        expect(error).to.include({ reason: 'INVALID_REQUEST', message: 'record.expire_time: must be in the future' })
        const stored = await put(record, { precondition: absent })
        expect(await put(record, { precondition: absent, now: later(5000) })).to.deep.equal(stored)
      })

      it('is told as due, the earliest first, until it is gone', async () => {
        const records = [30, 10, 20].map((ms) => sampleRecord(user, { expireTime: later(ms) }))
        await Promise.all([...records, sampleRecord(user)].map((record) => put(record)))
        const [last, first, middle] = records as [SealedRecord, SealedRecord, SealedRecord]
        expect(await dueBy(later(9))).to.deep.equal([])
        expect(await dueBy(later(20))).to.deep.equal(hex(first, middle))
        expect(await dueBy(later(1000), 2)).to.deep.equal(hex(first, middle))
        for (const { recordId, userUid } of [first, middle]) {
          await store.deleteRecord({ recordId, userUid, expectKeyId: undefined, now: undefined }, call)
        }
        for (const due of await store.expired({ by: later(20), limit: 100 }, call)) await store.settled(due, call)
        expect(await dueBy(later(1000))).to.deep.equal(hex(last))
      })

      it('is due by the expiry it has now, when it was replaced', async () => {
        const record = sampleRecord(user, { expireTime: soon })
        await put(record)
        await put(next(record, { expireTime: later(5000) }))
        for (const due of await store.expired({ by: soon, limit: 100 }, call)) await store.settled(due, call)
        expect(await dueBy(soon)).to.deep.equal([])
        expect(await dueBy(later(5000))).to.deep.equal(hex(record))
      })

      it('is due after a restart', async () => {
        const record = sampleRecord(user, { expireTime: soon })
        await put(record)
        store = await opened.reopen()
        expect(await dueBy(soon)).to.deep.equal(hex(record))
      })

      it('is due as a kept version too', async () => {
        const version = { ...firstVersion(sampleRecord(user, { expireTime: soon })), version: 7n }
        await put(version)
        await store.putVersion(version, call)
        await put(next(version, { expireTime: undefined, version: 0n }), { keepVersions: 2, keptKeyId: keyId(version) })
        expect(await dueBy(soon)).to.deep.equal(hex(version))
      })
    })

    describe('versions', () => {
      it('must be kept before a record is replaced, if there are to be any', async () => {
        const record = sampleRecord(user)
        expect(await put(record, { keepVersions: 3 })).to.include({ version: 1n })
        const second = next(record)
        const terms = { keepVersions: 3 }
        expect(await store.putRecord(putOf(second, terms), call)).to.equal(undefined)
        expect(await store.putRecord(putOf(second, { ...terms, keptKeyId: randomBytes(16) }), call)).to.equal(undefined)
        expect(await store.getRecord(record.recordId, call)).to.deep.equal({ ...firstVersion(record), ...terms })
        const written = await store.putRecord(putOf(second, { ...terms, keptKeyId: keyId(record) }), call)
        expect(written?.change?.to).to.include({ version: 2n, keptVersions: 1, keepVersions: 3 })
        expect(await store.getRecordHeader(record.recordId, call)).to.include({ keptVersions: 1, keepVersions: 3 })
        expect((await store.putRecord(putOf(second, terms), call))?.stored).to.include({ version: 2n })
      })

      it('are refused by their precondition before they are kept', async () => {
        const record = sampleRecord(user)
        await put(record)
        const terms = { keepVersions: 3, precondition: absent }
        expect(await reasonOf(store.putRecord(putOf(next(record), terms), call))).to.equal('ALREADY_EXISTS')
      })

      it('come back as they were put, by life and number', async () => {
        const record = firstVersion(sampleRecord(user))
        const lives = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)] as const
        const versions = lives.flatMap((lifeId) =>
          [9n, 10n, 2n ** 40n].map((version) => ({ ...next(record), lifeId, version })),
        )
        const other = { ...firstVersion(sampleRecord(user)), lifeId: lives[0], version: 9n }
        await Promise.all([...versions, other].map((version) => store.putVersion(version, call)))
        for (const version of versions) expect(await store.getVersion(version, call)).to.deep.equal(version)
        expect(await store.getVersion({ ...record, lifeId: lives[0], version: 11n }, call)).to.equal(undefined)
        const headers = versions.map((version) => ({ ...version, envelope: version.envelope.subarray(0, 88) }))
        const { recordId } = record
        expect(await store.listVersions({ recordId }, call)).to.deep.equal(headers)
        const below = (lifeId: Buffer, number: bigint) =>
          store.listVersions({ recordId, life: { lifeId, below: number } }, call)
        expect(await below(lives[1], 10n)).to.deep.equal([headers[3]])
        expect(await below(lives[1], 2n ** 64n - 1n)).to.deep.equal(headers.slice(3))
        expect(await below(Buffer.alloc(16, 3), 10n)).to.deep.equal([])
      })

      it('can be put again, and removed again', async () => {
        const version = firstVersion(sampleRecord(user))
        for (const time of [1, 2]) {
          await store.putVersion(version, call)
          expect(await store.listVersions(version, call), `${time}`).to.have.length(1)
        }
        for (const _ of [1, 2]) await store.removeVersion(version, call)
        expect(await store.listVersions(version, call)).to.deep.equal([])
      })

      it('name their records, page by page', async () => {
        const records = await Promise.all(Array.from({ length: 5 }, () => putTimes(4, { keepVersions: 4 })))
        const seen: string[] = []
        let after: Buffer | undefined
        do {
          const page = await store.versionedRecords({ after, limit: 4 }, call)
          seen.push(...page.recordIds.map((id) => id.toString('hex')))
          after = page.next
        } while (after)
        expect(seen)
          .to.have.length(5)
          .and.have.members(hex(...records.map(([first]) => first as SealedRecord)))
      })

      it('survive a restart', async () => {
        const records = await putTimes(3, { keepVersions: 3 })
        store = await opened.reopen()
        const current = await store.getRecordHeader((records[0] as SealedRecord).recordId, call)
        const versions = await listVersions(store, { current: current as SealedRecord, now: storeTime }, call)
        expect(numbersOf(versions)).to.deep.equal([3, 2, 1])
        expect(versions.map(keyId)).to.deep.equal(records.map(keyId).reverse())
      })

      it('refer to their key ids as long as they are kept', async () => {
        const records = await putTimes(4, { keepVersions: 3 })
        const { recordId } = records[0] as SealedRecord
        const referred = () =>
          Promise.all(records.map((record) => refersTo(store, { recordId, keyId: keyId(record) }, call)))
        // Nobody has removed version 1 yet: dead, it does not count.
        expect(await store.listVersions({ recordId }, call)).to.have.length(3)
        expect(await referred()).to.deep.equal([false, true, true, true])
        await store.deleteRecord({ recordId, userUid: user.userUid, expectKeyId: undefined, now: storeTime }, call)
        expect(await referred()).to.deep.equal([false, false, false, false])
      })
    })

    describe('writers who race', () => {
      /** Stores in turn, as often as told; returns what was acknowledged. */
      async function writer(clock: Clock, record: SealedRecord, times: number): Promise<SealedRecord[]> {
        const done: SealedRecord[] = []
        for (let time = 0; time < times; time += 1) {
          const version = next(record)
          const { stored } = await putKeeping({ store, clock }, putOf(version, { keepVersions: 100 }), call)
          done.push({ ...version, version: stored.version })
        }
        return done
      }

      for (const writers of [2, 8]) {
        it(`lose no acknowledged version, when they are ${writers}`, async () => {
          const record = sampleRecord(user)
          const times = 48 / writers
          const clock = newClock()
          const done = await Promise.all(Array.from({ length: writers }, () => writer(clock, record, times)))
          const acknowledged = done.flat().sort((one, other) => Number(one.version - other.version))
          const current = (await store.getRecordHeader(record.recordId, call)) as SealedRecord
          const versions = await listVersions(store, { current, now: clock.forRefusing() }, call)
          expect(numbersOf(versions)).to.deep.equal(Array.from({ length: 48 }, (_, at) => 48 - at))
          expect(versions.map(keyId)).to.deep.equal(acknowledged.map(keyId).reverse())
          for (const { version, envelope } of acknowledged.slice(0, -1)) {
            const kept = await store.getVersion({ ...current, version }, call)
            expect(kept?.envelope.equals(envelope)).to.equal(true)
          }
        })
      }

      it('lose none of this life to one who deletes', async () => {
        const record = sampleRecord(user)
        const clock = newClock()
        let deleting = true
        const deleter = (async () => {
          const target = { recordId: record.recordId, userUid: user.userUid, expectKeyId: undefined, now: undefined }
          while (deleting) {
            await store.deleteRecord(target, call)
            await new Promise((resolve) => setTimeout(resolve, 3))
          }
        })()
        const done = await Promise.all([writer(clock, record, 20), writer(clock, record, 20)])
        deleting = false
        await deleter
        const last = await writer(clock, record, 1)
        const current = (await store.getRecordHeader(record.recordId, call)) as SealedRecord
        const versions = await listVersions(store, { current, now: clock.forRefusing() }, call)
        expect(numbersOf(versions)).to.deep.equal(
          Array.from({ length: Number(current.version) }, (_, at) => Number(current.version) - at),
        )
        const known = [...done.flat(), ...last].map((version) => keyId(version).toString('hex'))
        expect(known).to.include.members(versions.map((version) => keyId(version).toString('hex')))
        expect(isExpired(current, clock.forRefusing())).to.equal(false)
      })
    })
  })
}
