// Reads, writes and deletes of records.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import type { Precondition } from '../../src/gen/encserver/v1/frontend.js'
import {
  call,
  firstVersion,
  keyId,
  putInto,
  reasonOf,
  recordIdOf,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
} from '../backend/samples.js'
import { absent, type StoreUnderTest, withKeyId } from './store-under-test.js'

export function recordsContract(opened: StoreUnderTest): void {
  describe('records', () => {
    it('returns what was put, with the version and the time', async () => {
      const record = sampleRecord(opened.user)
      const stored = await opened.put(record)
      expect(stored).to.deep.equal({ version: 1n, storeTime: record.storeTime })
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(record))
    })

    it('keeps every byte value, and empty and large contents', async () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      for (const recordId of [Buffer.alloc(72), Buffer.alloc(72, 0xff), Buffer.concat([every.subarray(0, 72)])]) {
        const envelope = Buffer.concat([sampleEnvelope(), every, randomBytes(3 << 20)])
        const record = sampleRecord(opened.user, { recordId, envelope, entryBox: every, sizeBytes: 2n ** 63n })
        await opened.put(record)
        expect(await opened.store.getRecord(recordId, call)).to.deep.equal(firstVersion(record))
      }
    })

    it('returns undefined for an absent record', async () => {
      expect(await opened.store.getRecord(recordIdOf(opened.user), call)).to.equal(undefined)
    })

    it('counts the versions of a record', async () => {
      const record = sampleRecord(opened.user)
      const replacedKeyIds: Buffer[] = []
      for (const version of [1n, 2n, 3n]) {
        const next = { ...record, envelope: sampleEnvelope() }
        expect(await opened.put(next)).to.include({ version })
        const lifeId = replacedKeyIds.at(-1) ?? keyId(next)
        expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal({
          ...next,
          version,
          replacedKeyIds,
          lifeId,
        })
        replacedKeyIds.unshift(keyId(next))
      }
    })

    it('counts versions from 1 again after a delete', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record)
      await opened.remove(record)
      expect(await opened.put({ ...record, envelope: sampleEnvelope() })).to.include({ version: 1n })
    })

    it('does not let a retried put undo a later one', async () => {
      const first = sampleRecord(sampleUser())
      const versions = Array.from({ length: 4 }, () => ({ ...first, envelope: sampleEnvelope() }))
      await opened.put(first)
      for (const [at, record] of versions.entries()) {
        const before = at === 0 ? first : (versions[at - 1] as SealedRecord)
        expect((await opened.put(record, withKeyId(keyId(before)))).version).to.equal(BigInt(at + 2))
        expect((await opened.put(first)).version).to.equal(1n)
        expect((await opened.store.getRecord(first.recordId, call))?.envelope).to.deep.equal(record.envelope)
      }
    })

    it('answers a retried put with the stored version and time, whatever its precondition', async () => {
      const record = sampleRecord(opened.user)
      const stored = await opened.put(record, absent)
      const again = { ...record, storeTime: new Date('2030-01-01T00:00:00Z') }
      expect(await opened.put(again, absent)).to.deep.equal(stored)
      expect(await opened.put(again, withKeyId(randomBytes(16)))).to.deep.equal(stored)
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal({ ...firstVersion(record), ...stored })
    })

    it('never repeats a put that a prior attempt may have made, but finds its row', async () => {
      const record = sampleRecord(opened.user)
      const mayHaveCommitted = true
      const again = (precondition?: Precondition, put = record) =>
        putInto(opened.store, put, { precondition, mayHaveCommitted })
      for (const precondition of [undefined, absent, withKeyId(keyId(record))]) {
        expect(await reasonOf(again(precondition))).to.equal('OUTCOME_UNKNOWN')
      }
      expect(await opened.store.getRecord(record.recordId, call)).to.equal(undefined)
      const stored = await opened.put(record)
      for (const precondition of [undefined, absent]) expect(await again(precondition)).to.deep.equal(stored)
      const second = { ...record, envelope: sampleEnvelope() }
      for (const precondition of [undefined, absent, withKeyId(randomBytes(16))]) {
        expect(await reasonOf(again(precondition, second))).to.equal('OUTCOME_UNKNOWN')
      }
      expect(await again(withKeyId(keyId(record)), second)).to.include({ version: 2n })
      expect(await again()).to.include({ version: 1n })
    })

    it('counts a row of another life as absent', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record)
      await opened.put({ ...record, envelope: sampleEnvelope() })
      const reborn = { ...record, envelope: sampleEnvelope(), userUid: randomBytes(16) }
      expect(await reasonOf(opened.put(reborn, withKeyId(keyId(record))))).to.equal('PRECONDITION_FAILED')
      expect(await opened.remove(reborn)).to.equal(false)
      expect(await opened.put(reborn, absent)).to.include({ version: 1n })
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal(firstVersion(reborn))
    })
  })

  describe('deletes', () => {
    it('return the removed record, if any', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record)
      expect(await opened.remove(record)).to.equal(true)
      expect(await opened.remove(record)).to.equal(false)
      expect(await opened.store.getRecord(record.recordId, call)).to.equal(undefined)
    })

    it('remove only the expected version', async () => {
      const record = sampleRecord(opened.user)
      expect(await opened.remove(record, keyId(record))).to.equal(false)
      await opened.put(record)
      expect(await reasonOf(opened.remove(record, randomBytes(16)))).to.equal('PRECONDITION_FAILED')
      expect(await opened.store.getRecord(record.recordId, call)).not.to.equal(undefined)
      expect(await opened.remove(record, keyId(record))).to.equal(true)
    })

    it('remove a record once among many concurrent deletes', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record)
      const deleted = await Promise.all(Array.from({ length: 20 }, () => opened.remove(record, keyId(record))))
      expect(deleted.filter(Boolean)).to.have.length(1)
    })
  })
}
