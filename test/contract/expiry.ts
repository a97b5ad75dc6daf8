// Records that expire: they count as absent from their expiry time on, and are due until they are removed.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { Put } from '../../src/backend/store/store.js'
import type { VaultError } from '../../src/core/errors.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import {
  call,
  firstVersion,
  headerOf,
  keyId,
  nextVersion,
  putInto,
  reasonOf,
  sampleRecord,
  storeTime,
} from '../backend/samples.js'
import { absent, hexIds, type StoreUnderTest, withKeyId } from './store-under-test.js'

const later = (ms: number) => new Date(storeTime.getTime() + ms)

export function expiryContract(opened: StoreUnderTest): void {
  const put = (record: SealedRecord, changes: Partial<Put> = {}) => putInto(opened.store, record, changes)
  const dueBy = async (by: Date, limit = 100) => {
    const due = await opened.store.listDue({ by, limit }, call)
    return due.map(({ recordId }) => recordId.toString('hex'))
  }
  const hexOf = (...records: SealedRecord[]) => hexIds(records)

  describe('an expired record', () => {
    const soon = later(1000)

    it('counts as absent from its exact expiry time on, and a put then begins a new life', async () => {
      const record = sampleRecord(opened.user, { expireTime: soon })
      await put(record)
      expect(await reasonOf(put(nextVersion(record), { precondition: absent, now: later(999) }))).to.equal(
        'ALREADY_EXISTS',
      )
      const late = nextVersion(record, { expireTime: undefined })
      expect(await reasonOf(put(late, { precondition: withKeyId(keyId(record)), now: soon }))).to.equal(
        'PRECONDITION_FAILED',
      )
      expect(await put(late, { precondition: absent, now: soon })).to.include({ version: 1n })
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(late))
    })

    it('is not found by a delete, and stays for the sweep', async () => {
      const record = sampleRecord(opened.user, { expireTime: soon })
      await put(record)
      const { recordId, userUid } = record
      for (const expectKeyId of [undefined, keyId(record), randomBytes(16)]) {
        expect(await opened.store.deleteRecord({ recordId, userUid, expectKeyId, now: soon }, call)).to.equal(undefined)
      }
      const target = { recordId, userUid, expectKeyId: keyId(record), now: later(999) }
      expect(await opened.store.deleteRecord(target, call)).not.to.equal(undefined)
    })

    it('is removed by the sweep, by compare-and-set', async () => {
      const record = sampleRecord(opened.user, { expireTime: soon })
      await put(record)
      const target = { recordId: record.recordId, userUid: record.userUid, now: undefined }
      const wrong = opened.store.deleteRecord({ ...target, expectKeyId: randomBytes(16) }, call)
      expect(await reasonOf(wrong)).to.equal('PRECONDITION_FAILED')
      expect(await opened.store.deleteRecord({ ...target, expectKeyId: keyId(record) }, call)).not.to.equal(undefined)
    })

    it('is listed until its expiry time, and not from then on', async () => {
      const [staying, going] = [sampleRecord(opened.user), sampleRecord(opened.user, { expireTime: soon })]
      await Promise.all([staying, going].map((record) => put(record)))
      const range = { ...opened.user, after: undefined, limit: 2, maxBytes: 1 << 20 }
      const listed = async (now: Date) => hexOf(...(await opened.store.listRecords({ ...range, now }, call)).records)
      expect(await listed(later(999))).to.have.members(hexOf(staying, going))
      expect(await listed(soon)).to.deep.equal(hexOf(staying))
    })

    it('is refused as a new put, but a retried put succeeds', async () => {
      const record = sampleRecord(opened.user, { expireTime: soon })
      const error = await put(record, { now: soon }).catch((thrown: VaultError) => thrown)
      expect(error).to.include({ reason: 'INVALID_REQUEST', message: 'record.expire_time: must be in the future' })
      const stored = await put(record, { precondition: absent })
      expect(await put(record, { precondition: absent, now: later(5000) })).to.deep.equal(stored)
    })

    it('is due, the earliest first, until it is removed', async () => {
      const records = [30, 10, 20].map((ms) => sampleRecord(opened.user, { expireTime: later(ms) }))
      await Promise.all([...records, sampleRecord(opened.user)].map((record) => put(record)))
      const [last, first, middle] = records as [SealedRecord, SealedRecord, SealedRecord]
      expect(await dueBy(later(9))).to.deep.equal([])
      expect(await dueBy(later(20))).to.deep.equal(hexOf(first, middle))
      expect(await dueBy(later(1000), 2)).to.deep.equal(hexOf(first, middle))
      for (const { recordId, userUid } of [first, middle]) {
        await opened.store.deleteRecord({ recordId, userUid, expectKeyId: undefined, now: undefined }, call)
      }
      for (const due of await opened.store.listDue({ by: later(20), limit: 100 }, call))
        await opened.store.clearDue(due, call)
      expect(await dueBy(later(1000))).to.deep.equal(hexOf(last))
    })

    it('is due by its current expiry time after a replacement', async () => {
      const record = sampleRecord(opened.user, { expireTime: soon })
      await put(record)
      await put(nextVersion(record, { expireTime: later(5000) }))
      for (const due of await opened.store.listDue({ by: soon, limit: 100 }, call))
        await opened.store.clearDue(due, call)
      expect(await dueBy(soon)).to.deep.equal([])
      expect(await dueBy(later(5000))).to.deep.equal(hexOf(record))
    })

    it('is due after a restart', async () => {
      const record = sampleRecord(opened.user, { expireTime: soon })
      await put(record)
      await opened.reopen()
      expect(await dueBy(soon)).to.deep.equal(hexOf(record))
    })

    it('is due as a kept version as well', async () => {
      const version = { ...firstVersion(sampleRecord(opened.user, { expireTime: soon })), version: 7n }
      await put(version)
      await opened.store.putVersion(version, call)
      await put(nextVersion(version, { expireTime: undefined, version: 0n }), {
        keepVersions: 2,
        keptHeader: headerOf(version),
      })
      expect(await dueBy(soon)).to.deep.equal(hexOf(version))
    })
  })
}
