// The metadata in the row of a record.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { Put } from '../../src/backend/store/store.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import {
  call,
  firstVersion,
  keyId,
  nextVersion,
  putInto,
  putOf,
  sampleEnvelope,
  sampleRecord,
  storeTime,
} from '../backend/samples.js'
import type { StoreUnderTest } from './store-under-test.js'

export function rowsContract(opened: StoreUnderTest): void {
  const put = (record: SealedRecord, changes: Partial<Put> = {}) => putInto(opened.store, record, changes)

  describe('rows', () => {
    it('keep the part count, the expiry time and the life id', async () => {
      const expireTime = new Date('9999-12-31T23:59:59.999Z')
      const record = sampleRecord(opened.user, { envelope: sampleEnvelope(88), partCount: 2 ** 20, expireTime })
      await put(record)
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
      expect(await opened.store.getRecordHeader(record.recordId, call)).to.deep.equal(firstVersion(record))
      const replaced = nextVersion(record, { partCount: 0, expireTime: undefined })
      await put(replaced)
      const row = await opened.store.getRecord(record.recordId, call)
      expect(row).to.deep.include({ partCount: 0, expireTime: undefined, lifeId: keyId(record), keptVersions: 0 })
    })

    it('are read without their chunks', async () => {
      const record = sampleRecord(opened.user)
      await put(record)
      const envelope = record.envelope.subarray(0, 88)
      expect(await opened.store.getRecordHeader(record.recordId, call)).to.deep.equal({
        ...firstVersion(record),
        envelope,
      })
      expect(await opened.store.getRecordHeader(randomBytes(72), call)).to.equal(undefined)
    })

    it('are returned when they are replaced or deleted', async () => {
      const record = sampleRecord(opened.user, { partCount: 3, envelope: sampleEnvelope(88) })
      const first = await opened.store.putRecord(putOf(record), call)
      expect(first?.change).to.deep.equal({ from: undefined, to: firstVersion(record) })
      expect((await opened.store.putRecord(putOf(record), call))?.change).to.equal(undefined)
      const second = await opened.store.putRecord(putOf(nextVersion(record)), call)
      expect(second?.change?.from).to.deep.include({ recordId: record.recordId, partCount: 3, version: 1n })
      const { recordId, userUid } = record
      const removed = await opened.store.deleteRecord(
        { recordId, userUid, expectKeyId: undefined, now: storeTime },
        call,
      )
      expect(removed).to.deep.include({ recordId, version: 2n, lifeId: keyId(record) })
    })
  })
}
