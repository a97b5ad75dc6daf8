import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import { type BackendServiceOptions, backendService } from '../../src/backend/service/service.js'
import type { Store } from '../../src/backend/store/store.js'
import { newClock } from '../../src/core/clock.js'
import { VaultError } from '../../src/core/errors.js'
import type { Methods } from '../../src/core/methods.js'
import type {
  BackendServiceServer,
  SealedRecord,
  StoreEnvelopeRequest,
  UserDocument,
} from '../../src/gen/encserver/v1/backend.js'
import { type SettableTime, settableTime } from '../core/settable-time.js'
import { twoParts } from './no-parts.js'
import {
  call,
  keyId,
  reasonOf,
  rejection,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeOf,
  storeTime,
  type TempFolder,
  tempFolder,
} from './samples.js'

const none: Buffer = Buffer.alloc(0)
const inMs = (ms: number) => new Date(storeTime.getTime() + ms)

describe('backend service and the life of a record', () => {
  let folder: TempFolder
  let store: Store
  let time: SettableTime
  let service: Methods<BackendServiceServer>
  let user: UserDocument
  let released: string[]

  beforeEach(async () => {
    folder = await tempFolder()
    store = await openLevelStore({ folder: folder.path })
    time = settableTime(storeTime.getTime())
    service = serviceOver(store)
    user = sampleUser()
    released = []
  })
  afterEach(async () => {
    await store.close()
    await folder.remove()
  })

  function serviceOver(backing: Store, options: Partial<BackendServiceOptions> = {}): Methods<BackendServiceServer> {
    return backendService({
      store: backing,
      parts: twoParts,
      now: () => new Date(time.wallMs()),
      clock: newClock(time),
      onReleased: (set) => released.push(set.setId.toString('hex')),
      onPruneFailure: (error) => expect.fail(String(error)),
      ...options,
    })
  }

  const sealed = (changes: Partial<SealedRecord> = {}) => sampleRecord(user, { storeTime: undefined, ...changes })
  const next = (record: SealedRecord, changes: Partial<SealedRecord> = {}) => ({
    ...record,
    envelope: sampleEnvelope(changes.partCount ? 88 : 300),
    ...changes,
  })
  const hexKeys = (...records: SealedRecord[]) => records.map((record) => keyId(record).toString('hex'))

  function put(record: SealedRecord, changes: Partial<StoreEnvelopeRequest> = {}, by = service) {
    return by.storeEnvelope(storeOf(record, { newUser: user, ...changes }), call)
  }

  /** Stores that number of versions of a record. */
  async function putTimes(count: number, keepVersions: number, changes: Partial<SealedRecord> = {}) {
    const first = next(sealed(), changes)
    const records = [first, ...Array.from({ length: count - 1 }, () => next(first, changes))]
    for (const record of records) await put(record, { keepVersions })
    return records as [SealedRecord, ...SealedRecord[]]
  }

  const retrieve = async ({ recordId }: SealedRecord, version = 0n) =>
    (await service.retrieveEnvelope({ recordIds: [recordId], version }, call)).record
  const versions = ({ recordId }: SealedRecord) => service.listEnvelopeVersions({ recordIds: [recordId] }, call)
  const numbers = async (record: SealedRecord) => (await versions(record)).records.map(({ version }) => Number(version))
  const remove = ({ recordId }: SealedRecord) =>
    service.deleteEnvelope({ recordIds: [recordId], expectKeyId: none }, call)
  const documents = ({ recordId }: SealedRecord) => store.listVersions({ recordId }, call)

  describe('versions', () => {
    it('are kept up to the number asked for, the current one included', async () => {
      const records = await putTimes(5, 3)
      expect(await numbers(records[0])).to.deep.equal([5, 4, 3])
      expect(await documents(records[0])).to.have.length(2)
    })

    it('are listed with their user, the newest first, as their headers', async () => {
      const records = await putTimes(3, 5)
      const listed = await versions(records[0])
      expect(listed.user).to.deep.equal(user)
      expect(listed.records.map(keyId)).to.deep.equal(records.map(keyId).reverse())
      expect(listed.records.map(({ envelope }) => envelope.length)).to.deep.equal([88, 88, 88])
      expect(listed.records.map(({ entryBox }) => entryBox)).to.deep.equal(records.map(({ entryBox }) => entryBox))
    })

    it('of an absent record are none', async () => {
      expect(await versions(sealed())).to.deep.equal({ records: [], user: undefined })
      const [record] = await putTimes(3, 3)
      await remove(record)
      expect(await versions(record)).to.deep.equal({ records: [], user })
    })

    it('are retrieved by their number, whole', async () => {
      const records = await putTimes(4, 3)
      const [first] = records
      for (const [at, record] of records.entries()) {
        const found = await retrieve(first, BigInt(at + 1))
        expect(found?.envelope).to.deep.equal(at === 0 ? undefined : record.envelope)
      }
      expect(await retrieve(first, 5n)).to.equal(undefined)
      expect(await retrieve(first)).to.deep.equal(await retrieve(first, 4n))
    })

    it('are none after a store that keeps only the current one', async () => {
      const records = await putTimes(3, 5)
      await put(next(records[0]), { keepVersions: 1 })
      expect(await numbers(records[0])).to.deep.equal([4])
      expect(await documents(records[0])).to.deep.equal([])
      await put(next(records[0]), { keepVersions: 5 })
      expect(await numbers(records[0])).to.deep.equal([5, 4])
    })

    it('keep the number of the record when a store gives none', async () => {
      const [record] = await putTimes(3, 3)
      for (const defaultKeepVersions of [0, 1, 50]) await put(next(record), { defaultKeepVersions })
      expect(await numbers(record)).to.deep.equal([6, 5, 4])
    })

    it('follow the default, and are not reduced, in a record without a number', async () => {
      const [record] = await putTimes(2, 0)
      expect(await numbers(record)).to.deep.equal([2])
      for (const defaultKeepVersions of [3, 3, 3, 1]) await put(next(record), { defaultKeepVersions })
      expect(await numbers(record)).to.deep.equal([6, 5, 4])
    })

    it('are removed a few at a time, however many one write removes', async () => {
      const records = await putTimes(40, 100)
      let [now, most] = [0, 0]
      const counting: Store = {
        ...store,
        async removeVersion(version, context) {
          most = Math.max(most, ++now)
          await store.removeVersion(version, context).finally(() => now--)
        },
      }
      const by = serviceOver(counting)
      await put(next(records[0]), { keepVersions: 1 }, by)
      expect(await documents(records[0])).to.deep.equal([])
      expect(most).to.equal(8)
    })

    it('are counted from 1 in a new life', async () => {
      const [record] = await putTimes(3, 3)
      await remove(record)
      for (let count = 0; count < 3; count += 1) await put(next(record))
      expect(await numbers(record)).to.deep.equal([3])
    })

    it('are reduced by a lower number, and do not come back', async () => {
      const [record] = await putTimes(6, 6)
      await put(next(record), { keepVersions: 3 })
      expect(await numbers(record)).to.deep.equal([7, 6, 5])
      await put(next(record), { keepVersions: 100 })
      expect(await numbers(record)).to.deep.equal([8, 7, 6, 5])
    })

    it('are a hundred at most', async () => {
      const [record] = await putTimes(103, 100)
      expect(await numbers(record)).to.deep.equal(Array.from({ length: 100 }, (_, at) => 103 - at))
    })

    it('are not written twice by a retried call', async () => {
      const records = await putTimes(4, 4)
      const before = await versions(records[0])
      for (const [at, record] of records.slice(0, 3).entries()) {
        const { result } = await put(record, { keepVersions: 4 })
        expect(result).to.deep.include({ $case: 'known' })
        expect(result?.value).to.deep.include({ record: undefined, user })
        expect(result?.value).to.have.nested.property('stored.version', BigInt(at + 1))
      }
      const { result } = await put(records[3] as SealedRecord, { keepVersions: 4 })
      expect(result).to.deep.include({ $case: 'stored' })
      expect(result?.value).to.deep.include({ version: 4n })
      expect(await versions(records[0])).to.deep.equal(before)
    })

    it('belong to one life of a record: none returns after a delete', async () => {
      const [record] = await putTimes(3, 3)
      expect(await remove(record)).to.deep.equal({ deleted: true })
      const reborn = next(record)
      await put(reborn, { keepVersions: 5 })
      await put(next(record), { keepVersions: 5 })
      expect(await numbers(record)).to.deep.equal([2, 1])
      expect((await retrieve(record, 1n))?.envelope).to.deep.equal(reborn.envelope)
    })

    it('of a life stay whole while a former life is being removed, even if a call of that life is retried', async () => {
      const [first] = await putTimes(2, 3)
      const slow = serviceOver({
        ...store,
        async listVersions(range, within) {
          for (const record of [first, next(first)]) await put(record, { keepVersions: 3 })
          return store.listVersions(range, within)
        },
      })
      await slow.deleteEnvelope({ recordIds: [first.recordId], expectKeyId: none }, call)
      expect(await numbers(first)).to.deep.equal([2, 1])
      expect((await retrieve(first, 1n))?.envelope).to.deep.equal(first.envelope)
    })

    it('cost nothing where none are kept: a store is the user and one write, a retrieve two reads', async () => {
      const asked: string[] = []
      const counted = Object.fromEntries(
        Object.entries(store).map(([name, method]) => [
          name,
          (...args: unknown[]) => {
            asked.push(name)
            return (method as (...args: unknown[]) => unknown)(...args)
          },
        ]),
      ) as unknown as Store
      const watched = serviceOver(counted)
      const record = sealed()
      await put(record, {}, watched)
      for (const keepVersions of [0, 1]) {
        asked.length = 0
        await put(next(record), { keepVersions, newUser: undefined }, watched)
        expect(asked).to.deep.equal(['getUser', 'putRecord'])
      }
      asked.length = 0
      await watched.retrieveEnvelope({ recordIds: [record.recordId], version: 0n }, call)
      expect(asked).to.have.members(['getUser', 'getRecord'])
    })
  })

  describe('a crash or a slow store', () => {
    const down = new VaultError('STORE_UNAVAILABLE')

    it('between keeping a version and replacing it leaves nothing to see', async () => {
      const [record] = await putTimes(2, 3)
      const failing = serviceOver({
        ...store,
        putRecord: (terms, within) => (terms.keptHeader ? Promise.reject(down) : store.putRecord(terms, within)),
      })
      expect(await reasonOf(put(next(record), { keepVersions: 3 }, failing))).to.equal('STORE_UNAVAILABLE')
      expect(await documents(record)).to.have.length(2)
      expect(await numbers(record)).to.deep.equal([2, 1])
      await put(next(record), { keepVersions: 3 })
      expect(await numbers(record)).to.deep.equal([3, 2, 1])
    })

    it('between replacing a version and removing the oldest leaves nothing to see, and is reported', async () => {
      const [record] = await putTimes(3, 3)
      const told: unknown[] = []
      const failing = serviceOver(
        { ...store, removeVersion: () => Promise.reject(down) },
        { onPruneFailure: (error) => told.push(error) },
      )
      const { result } = await put(next(record), { keepVersions: 3 }, failing)
      expect(result).to.include({ $case: 'stored' })
      expect(told).to.deep.equal([down])
      expect(await documents(record)).to.have.length(3)
      expect(await numbers(record)).to.deep.equal([4, 3, 2])
      expect(await retrieve(record, 1n)).to.equal(undefined)
    })

    it('between deleting a record and removing its versions leaves nothing to see, and is reported', async () => {
      const [record] = await putTimes(3, 3)
      const told: unknown[] = []
      const failing = serviceOver(
        { ...store, listVersions: () => Promise.reject(down) },
        { onPruneFailure: (error) => told.push(error) },
      )
      const { recordId } = record
      const answer = await failing.deleteEnvelope({ recordIds: [recordId], expectKeyId: none }, call)
      expect(answer).to.deep.equal({ deleted: true })
      expect(told).to.deep.equal([down])
      expect(await documents(record)).to.have.length(2)
      await put(next(record), { keepVersions: 100 })
      await put(next(record), { keepVersions: 100 })
      expect(await numbers(record)).to.deep.equal([2, 1])
    })
  })

  describe('expiry', () => {
    it('makes a record absent for every call', async () => {
      const [first] = await putTimes(3, 3, { expireTime: inMs(1000) })
      const absent = { condition: { $case: 'absent', value: true } } as const
      const current = (await retrieve(first)) as SealedRecord
      time.pass(999)
      expect(await numbers(first)).to.deep.equal([3, 2, 1])
      time.pass(1)
      for (const version of [0n, 2n, 3n]) expect(await retrieve(first, version)).to.equal(undefined)
      expect(await versions(first)).to.deep.equal({ records: [], user })
      const list = { userPseudonyms: [user.userPseudonym], pageSize: 10, afterRecordId: none }
      expect((await service.listEnvelopes(list, call)).records).to.deep.equal([])
      expect(await remove(first)).to.deep.equal({ deleted: false })
      const byKeyId = { condition: { $case: 'keyId', value: keyId(current) } } as const
      const late = next(first, { expireTime: undefined })
      expect(await reasonOf(put(late, { precondition: byKeyId }))).to.equal('PRECONDITION_FAILED')
      const { result } = await put(late, { precondition: absent, keepVersions: 5 })
      expect(result?.value).to.include({ version: 1n })
      expect(await numbers(first)).to.deep.equal([1])
      expect(await documents(first)).to.deep.equal([])
    })

    it('leaves versions out that have expired before the current one', async () => {
      const first = sealed({ expireTime: inMs(1000) })
      const [second, third] = [next(first, { expireTime: undefined }), next(first, { expireTime: inMs(9000) })]
      for (const record of [first, second, third]) await put(record, { keepVersions: 9 })
      time.pass(1000)
      expect(await numbers(first)).to.deep.equal([3, 2])
      expect(await retrieve(first, 1n)).to.equal(undefined)
    })

    it('must be in the future, unless a prior attempt has committed', async () => {
      const record = sealed({ expireTime: inMs(1000) })
      const done = await put(record)
      time.pass(1000)
      expect(await put(record)).to.deep.equal(done)
      const error = await rejection(put(next(record)))
      expect(error.message).to.equal('record.expire_time: must be in the future')
      expect(error.fields).to.deep.equal([{ field: 'record.expire_time', description: 'must be in the future' }])
    })

    it('follows the latest time seen when the clock is set back', async () => {
      const record = sealed({ expireTime: inMs(1000) })
      await put(record)
      time.pass(1000)
      expect(await retrieve(record)).to.equal(undefined)
      time.set(storeTime.getTime())
      expect(await retrieve(record)).to.equal(undefined)
      expect((await rejection(put(next(record)))).reason).to.equal('INVALID_REQUEST')
    })

    it('hides the row under an older id', async () => {
      const old = { ...user, userPseudonym: randomBytes(36) }
      const [newer, older] = [sealed({ expireTime: inMs(1000) }), sampleRecord(old, { storeTime: undefined })]
      await put(newer)
      await put(older, { newUser: old })
      time.pass(1000)
      const recordIds = [newer.recordId, older.recordId]
      expect((await service.retrieveEnvelope({ recordIds, version: 0n }, call)).record).to.equal(undefined)
      const removal = { recordIds, expectKeyId: none }
      expect(await service.deleteEnvelope(removal, call)).to.deep.equal({ deleted: false })
    })
  })

  describe('parts', () => {
    const inParts = { partCount: 2 }

    it('are released when their version is replaced, and not while it is kept', async () => {
      const records = await putTimes(4, 3, inParts)
      expect(released).to.deep.equal(hexKeys(records[0]))
      await put(next(records[0], { partCount: 0 }), { keepVersions: 1 })
      expect(released).to.have.members(hexKeys(...records))
    })

    it('are released when their record is deleted, with those of its versions', async () => {
      const records = await putTimes(3, 3, inParts)
      await remove(records[0])
      expect(released).to.have.members(hexKeys(...records))
    })

    it('are released once the row that has expired is replaced', async () => {
      const records = await putTimes(2, 3, { ...inParts, expireTime: inMs(1000) })
      time.pass(1000)
      await put(next(records[0], { partCount: 0, expireTime: undefined }), { keepVersions: 3 })
      expect(released).to.have.members(hexKeys(...records))
    })

    it('are not reported where there are none', async () => {
      const [record] = await putTimes(4, 2)
      await remove(record)
      expect(released).to.deep.equal([])
    })

    it('are not released by a refused or retried write', async () => {
      const [record] = await putTimes(1, 0, inParts)
      await put(record)
      const absent = { condition: { $case: 'absent', value: true } } as const
      expect(await reasonOf(put(next(record, inParts), { precondition: absent }))).to.equal('ALREADY_EXISTS')
      expect(released).to.deep.equal([])
    })
  })
})
