import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { expect } from 'chai'
import { openFilePartStore } from '../../../src/backend/engines/files/part-store.js'
import { openLevelStore } from '../../../src/backend/engines/level/store.js'
import { backendService } from '../../../src/backend/service/service.js'
import { defaultPartLimits } from '../../../src/backend/store/part-limits.js'
import type { PartSet, PartStore } from '../../../src/backend/store/part-store.js'
import type { Store } from '../../../src/backend/store/store.js'
import { newClock } from '../../../src/core/clock.js'
import type { Methods } from '../../../src/core/methods.js'
import type {
  BackendServiceServer,
  KnownEnvelope,
  RetrievePartRequest,
  SealedRecord,
  StoredEnvelope,
  StorePartRequest,
  UserDocument,
} from '../../../src/gen/encserver/v1/backend.js'
import {
  call,
  keyId,
  reasonOf,
  rejection,
  sameKeyId,
  sampleRecord,
  sampleUser,
  storeOf,
  type TempFolder,
  tempFolder,
} from '../samples.js'

const hourMs = 3_600_000

describe('backend service with parts', () => {
  let folder: TempFolder
  let store: Store
  let parts: PartStore
  let service: Methods<BackendServiceServer>
  let user: UserDocument
  let aheadMs: number

  beforeEach(async () => {
    folder = await tempFolder()
    store = await openLevelStore({ folder: folder.path })
    parts = await openFilePartStore(join(folder.path, 'parts'))
    aheadMs = 0
    const clock = newClock({ wallMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() + aheadMs })
    service = backendService({ store, parts, clock })
    user = sampleUser()
  })
  afterEach(async () => {
    await parts.close()
    await store.close()
    await folder.remove()
  })

  const samplePart = () => ({
    recordId: randomBytes(72),
    keyId: randomBytes(16),
    partSetId: Buffer.alloc(0),
    partNumber: 0,
  })
  const storePart = (changes: Partial<StorePartRequest> = {}) =>
    service.storePart({ ...samplePart(), data: Buffer.of(1), ...changes }, call)
  const retrievePart = (changes: Partial<RetrievePartRequest> = {}) =>
    service.retrievePart({ ...samplePart(), offset: 0, length: 0, ...changes }, call)

  describe('storePart', () => {
    it('keeps a part, which retrievePart gives back whole or in pieces', async () => {
      const set = samplePart()
      const data = randomBytes(1_048_832)
      expect(await storePart({ ...set, partNumber: 3, data })).to.deep.equal({})
      const whole = await retrievePart({ ...set, partNumber: 3 })
      expect(whole.data.equals(data)).to.equal(true)
      const piece = await retrievePart({ ...set, partNumber: 3, offset: 65_552, length: 65_552 })
      expect(piece.data.equals(data.subarray(65_552, 2 * 65_552))).to.equal(true)
    })

    it('is the same twice, and refuses other bytes', async () => {
      const set = samplePart()
      await storePart(set)
      await storePart(set)
      expect(await reasonOf(storePart({ ...set, data: Buffer.of(2) }))).to.equal('ALREADY_EXISTS')
    })

    const bad: [string, Partial<StorePartRequest>, string][] = [
      ['a record id of 71 bytes', { recordId: randomBytes(71) }, 'record_id: must be 72 bytes'],
      ['no record id', { recordId: Buffer.alloc(0) }, 'record_id: must be 72 bytes'],
      ['a key id of 17 bytes', { keyId: randomBytes(17) }, 'key_id: must be 16 bytes'],
      ['a part set id of 15 bytes', { partSetId: randomBytes(15) }, 'part_set_id: must be empty or 16 bytes'],
      ['a part number of 2^20', { partNumber: 2 ** 20 }, 'part_number: must be 0 to 1048575'],
      ['no data', { data: Buffer.alloc(0) }, 'data: must be 1 to 2097152 bytes'],
      ['more than 2 MiB', { data: Buffer.alloc((2 << 20) + 1) }, 'data: must be 1 to 2097152 bytes'],
    ]
    for (const [what, changes, message] of bad) {
      it(`refuses ${what}`, async () => {
        expect(await rejection(storePart(changes))).to.include({ reason: 'INVALID_REQUEST', message })
      })
    }

    it('takes the largest part of the largest number', async () => {
      const set = { ...samplePart(), partNumber: 2 ** 20 - 1 }
      await storePart({ ...set, data: Buffer.alloc(2 << 20, 7) })
      expect((await retrievePart({ ...set, offset: (2 << 20) - 1, length: 1 })).data).to.deep.equal(Buffer.of(7))
    })
  })

  describe('retrievePart', () => {
    it('refuses a part that is not there', async () => {
      const set = samplePart()
      await storePart(set)
      expect(await reasonOf(retrievePart({ ...set, partNumber: 1 }))).to.equal('PART_NOT_FOUND')
      expect(await reasonOf(retrievePart())).to.equal('PART_NOT_FOUND')
    })

    it('refuses a range past the end', async () => {
      const set = samplePart()
      await storePart(set)
      expect(await reasonOf(retrievePart({ ...set, offset: 1, length: 1 }))).to.equal('RANGE_PAST_END')
    })

    it('refuses names that are none', async () => {
      for (const [changes, message] of [
        [{ recordId: randomBytes(73) }, 'record_id: must be 72 bytes'],
        [{ keyId: Buffer.alloc(0) }, 'key_id: must be 16 bytes'],
        [{ partSetId: randomBytes(17) }, 'part_set_id: must be empty or 16 bytes'],
        [{ partNumber: 2 ** 32 - 1 }, 'part_number: must be 0 to 1048575'],
      ] as [Partial<RetrievePartRequest>, string][]) {
        expect(await rejection(retrievePart(changes))).to.include({ reason: 'INVALID_REQUEST', message })
      }
    })
  })

  it('bounds concurrent calls with parts: one more is OVERLOADED, and other calls continue', async () => {
    const waiting: (() => void)[] = []
    const stuck = { ...parts, put: () => new Promise<void>((resolve) => waiting.push(resolve)) }
    const partLimits = { ...defaultPartLimits, maxInFlight: 3 }
    service = backendService({ store, parts: stuck, partLimits })
    const three = [storePart(), storePart(), storePart()]
    for (const refused of [storePart(), retrievePart()]) {
      expect(await rejection(refused)).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
    }
    expect(await service.getStoreInfo({}, call)).to.include({ empty: true })
    for (const finish of waiting) finish()
    await Promise.all(three)
    expect(await reasonOf(retrievePart())).to.equal('PART_NOT_FOUND')
  })

  describe('storeEnvelope of a record in parts', () => {
    /** The record, and its parts stored under those numbers. */
    async function inParts(
      partCount: number,
      numbers: number[],
      changes: Partial<SealedRecord> = {},
    ): Promise<SealedRecord> {
      const whole = sampleRecord(user, { storeTime: undefined, partCount, ...changes })
      const record = { ...whole, envelope: whole.envelope.subarray(0, 88) }
      for (const partNumber of numbers) await storePart({ ...partOf(record), partNumber })
      return record
    }
    const partOf = (record: SealedRecord) => ({
      recordId: record.recordId,
      keyId: keyId(record),
      partSetId: record.partSetId,
    })
    const setOf = (record: SealedRecord): PartSet => ({
      recordId: record.recordId,
      setId: record.partSetId.length > 0 ? record.partSetId : keyId(record),
    })
    const commit = (record: SealedRecord) => service.storeEnvelope(storeOf(record, { newUser: user }), call)
    const stored = async ({ recordId }: SealedRecord) =>
      (await service.retrieveEnvelope({ recordIds: [recordId], version: 0n }, call)).record

    it('succeeds when all its parts are there', async () => {
      const record = await inParts(3, [2, 0, 1])
      expect((await commit(record)).result).to.include({ $case: 'stored' })
      expect(await stored(record)).to.deep.include({ partCount: 3, envelope: record.envelope })
    })

    for (const [what, count, numbers] of [
      ['none', 1, []],
      ['one missing at the end', 3, [0, 1]],
      ['one missing at the beginning', 2, [1, 2]],
      ['one missing in the middle', 3, [0, 2]],
      ['one too many', 2, [0, 1, 2]],
      ['one too many behind a gap', 2, [0, 1, 3]],
    ] as [string, number, number[]][]) {
      it(`is refused with ${what}, and has written nothing, not even its user`, async () => {
        const record = await inParts(count, numbers)
        expect(await reasonOf(commit(record))).to.equal('PARTS_MISSING')
        expect(await store.meta(call)).to.include({ empty: true, keyringId: undefined })
      })
    }

    it('is refused with the parts of another key id', async () => {
      const record = await inParts(1, [])
      await storePart({ recordId: record.recordId, partNumber: 0 })
      expect(await reasonOf(commit(record))).to.equal('PARTS_MISSING')
    })

    it('succeeds with parts begun 23 hours ago, and is refused with older ones', async () => {
      const [young, old] = [await inParts(1, [0]), await inParts(1, [0])]
      aheadMs = 23 * hourMs - 5_000
      expect((await commit(young)).result).to.include({ $case: 'stored' })
      aheadMs = 23 * hourMs + 5_000
      expect(await rejection(commit(old))).to.include({
        reason: 'PARTS_MISSING',
        message: 'the parts of the record are too old; upload it again',
      })
    })

    it('succeeds again when it is retried, even if its parts are old or gone', async () => {
      const record = await inParts(2, [0, 1])
      const first = await commit(record)
      aheadMs = 48 * hourMs
      expect(await commit(record)).to.deep.equal(first)
      await parts.remove(setOf(record), call)
      expect(await commit(record)).to.deep.equal(first)
    })

    it('is known, and written no second time, when another write has replaced it meanwhile', async () => {
      const record = await inParts(1, [0])
      await commit(record)
      const next = { ...sampleRecord(user, { storeTime: undefined }), recordId: record.recordId }
      await commit(next)
      await parts.remove(setOf(record), call)
      expect((await commit(record)).result).to.deep.include({ $case: 'known' })
      expect((await stored(record))?.envelope).to.deep.equal(next.envelope)
    })

    it('releases parts when their record is replaced or deleted', async () => {
      const released: PartSet[] = []
      service = backendService({ store, parts, onReleased: (set) => released.push(set) })
      const [first, second] = [await inParts(1, [0]), await inParts(1, [0])]
      await commit(first)
      const next = { ...second, recordId: first.recordId }
      await parts.put({ ...setOf(next), partNumber: 0, data: Buffer.of(2) }, call)
      await commit(next)
      expect(released).to.deep.equal([setOf(first)])
      await service.deleteEnvelope({ recordIds: [first.recordId], expectKeyId: Buffer.alloc(0) }, call)
      expect(released).to.deep.equal([setOf(first), setOf(next)])
    })

    it('finds its own part set, and not that of another attempt under its key id', async () => {
      const record = await inParts(2, [0, 1], { partSetId: randomBytes(16) })
      const missing = { ...record, partSetId: randomBytes(16) }
      for (const other of [missing, { ...record, partSetId: Buffer.alloc(0) }]) {
        expect(await reasonOf(commit(other))).to.equal('PARTS_MISSING')
      }
      expect((await commit(record)).result).to.include({ $case: 'stored' })
      expect(await stored(record)).to.deep.include({ partCount: 2, partSetId: record.partSetId })
      expect((await retrievePart({ ...partOf(record), partNumber: 1 })).data).to.deep.equal(Buffer.of(1))
      expect(await reasonOf(retrievePart({ ...partOf(missing), partNumber: 1 }))).to.equal('PART_NOT_FOUND')
    })

    it('is known when another attempt under its key id was faster, whether its own parts are there or not', async () => {
      const record = await inParts(1, [0], { partSetId: randomBytes(16) })
      const winner = { ...sameKeyId(record), partSetId: randomBytes(16) }
      await storePart({ ...partOf(winner), data: Buffer.of(9) })
      const first = await commit(winner)
      const { version, storeTime } = (first.result as { value: StoredEnvelope }).value
      for (const _ of ['there', 'gone']) {
        const { result } = await commit(record)
        expect(result).to.deep.include({ $case: 'known' })
        const known = (result as { value: KnownEnvelope }).value
        expect(known.record).to.deep.include({ envelope: winner.envelope, partSetId: winner.partSetId })
        expect(known).to.deep.include({ user, stored: { version, storeTime } })
        await parts.remove(setOf(record), call)
      }
      expect((await retrievePart({ ...partOf(winner), partNumber: 0 })).data).to.deep.equal(Buffer.of(9))
    })

    it('is not written without its parts when the row that knew its key id is deleted meanwhile', async () => {
      const record = await inParts(1, [0])
      await commit(record)
      await parts.remove(setOf(record), call)
      let looks = 0
      const thenDeleted: Store = {
        ...store,
        async getRecordHeader(recordId, within) {
          const row = await store.getRecordHeader(recordId, within)
          looks += 1
          const target = { recordId, userUid: user.userUid, expectKeyId: undefined, now: undefined }
          if (looks === 1) await store.deleteRecord(target, call)
          return row
        },
      }
      service = backendService({ store: thenDeleted, parts })
      expect((await commit(record)).result).to.include({ $case: 'stored' })
      expect(await store.getRecord(record.recordId, call)).to.equal(undefined)
    })

    it('must bring the header and nothing more', async () => {
      const record = await inParts(1, [0])
      for (const envelope of [Buffer.concat([record.envelope, Buffer.alloc(16)]), record.envelope.subarray(0, 87)]) {
        expect(await rejection(commit({ ...record, envelope }))).to.include({
          reason: 'INVALID_REQUEST',
          message: 'record.envelope: must be 88 bytes',
        })
      }
    })

    it('has at most 2^20 parts', async () => {
      const record = await inParts(2 ** 20 + 1, [])
      expect(await rejection(commit(record))).to.include({
        reason: 'INVALID_REQUEST',
        message: 'record.part_count: must be 0 to 1048576',
      })
    })

    it('is listed and deleted like any other', async () => {
      const record = await inParts(1, [0])
      await commit(record)
      const page = { userPseudonyms: [user.userPseudonym], pageSize: 10, afterRecordId: Buffer.alloc(0) }
      expect((await service.listEnvelopes(page, call)).records.map(({ partCount }) => partCount)).to.deep.equal([1])
      const target = { recordIds: [record.recordId], expectKeyId: keyId(record) }
      expect(await service.deleteEnvelope(target, call)).to.deep.equal({ deleted: true })
    })
  })
})
