// Writes whose key id the row knows: attempts of one write, and other writes under its token.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { Put, PutResult } from '../../src/backend/store/store.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import {
  call,
  firstVersion,
  headerOf,
  keyId,
  nextVersion,
  putOf,
  sameKeyId,
  sampleRecord,
  storeTime,
} from '../backend/samples.js'
import { absent, type StoreUnderTest, withKeyId } from './store-under-test.js'

export function knownWritesContract(opened: StoreUnderTest): void {
  const put = async (record: SealedRecord, changes: Partial<Put> = {}): Promise<PutResult> =>
    (await opened.store.putRecord(putOf(record, changes), call)) ?? expect.fail('a version is to be kept first')
  const row = ({ recordId }: SealedRecord) => opened.store.getRecord(recordId, call)
  const later = new Date(storeTime.getTime() + 1_000)

  describe('a write under a known key id', () => {
    it('changes nothing, and returns the row cut to its header, whatever its precondition', async () => {
      const first = sampleRecord(opened.user, { partSetId: randomBytes(16) })
      const { stored } = await put(first)
      const second = { ...sameKeyId(first), storeTime: later }
      const record = { ...firstVersion(first), envelope: headerOf(first) }
      const conditions = [undefined, absent, withKeyId(keyId(first)), withKeyId(randomBytes(16))]
      for (const precondition of conditions) {
        for (const mayHaveCommitted of [false, true]) {
          const result = await put(second, { precondition, mayHaveCommitted })
          expect(result).to.deep.equal({ stored, known: { record }, change: undefined })
        }
      }
      expect(await row(first)).to.deep.equal(firstVersion(first))
    })

    it('is the stored write if the whole header is the same', async () => {
      const first = sampleRecord(opened.user)
      const { stored } = await put(first)
      expect(await put(first)).to.deep.equal({ stored, known: undefined, change: undefined })
      for (const at of [24, 55, 56, 87]) {
        const envelope = Buffer.from(first.envelope)
        envelope.writeUInt8(envelope.readUInt8(at) ^ 1, at)
        expect((await put({ ...first, envelope })).known).to.not.equal(undefined)
      }
    })

    it('returns no row once another write has replaced it, under either header', async () => {
      const first = sampleRecord(opened.user)
      await put(first)
      let last = first
      for (let replaced = 1; replaced <= 4; replaced += 1) {
        last = nextVersion(first, { storeTime: new Date(storeTime.getTime() + replaced) })
        await put(last)
        const stored = { version: 1n, storeTime: last.storeTime }
        for (const again of [first, sameKeyId(first)]) {
          expect(await put(again)).to.deep.equal({ stored, known: { record: undefined }, change: undefined })
        }
      }
      expect((await row(first))?.envelope).to.deep.equal(last.envelope)
    })

    it('is known after its record has expired, until that is removed', async () => {
      const first = sampleRecord(opened.user, { expireTime: later })
      await put(first)
      expect((await put(sameKeyId(first), { now: later })).known?.record).to.include({ version: 1n })
      await opened.store.deleteRecord(
        { recordId: first.recordId, userUid: first.userUid, expectKeyId: keyId(first), now: undefined },
        call,
      )
      const again = { ...sameKeyId(first), expireTime: undefined }
      expect((await put(again, { now: later })).change?.to).to.include({ version: 1n })
    })

    it('is unknown to a row of another life of the user', async () => {
      const first = sampleRecord(opened.user)
      await put(first)
      const reborn = { ...sameKeyId(first), userUid: randomBytes(16) }
      expect((await put(reborn)).change?.to).to.include({ version: 1n })
      expect((await row(first))?.envelope).to.deep.equal(reborn.envelope)
    })

    it('keeps the version before it only if that has the header that was kept', async () => {
      const first = sampleRecord(opened.user)
      await put(first)
      const terms = { keepVersions: 3 }
      const other = sameKeyId(first)
      const second = nextVersion(first)
      const kept = (header: Buffer) => opened.store.putRecord(putOf(second, { ...terms, keptHeader: header }), call)
      expect(await kept(headerOf(other))).to.equal(undefined)
      expect((await kept(headerOf(first)))?.change?.to).to.include({ version: 2n, keptVersions: 1 })
    })
  })

  describe('attempts of one write at once', () => {
    it('write one version, and all but its own know it', async () => {
      for (const before of [[], [sampleRecord(opened.user)]]) {
        const [replaced] = before
        if (replaced) await put(replaced)
        const record = replaced ? nextVersion(replaced) : sampleRecord(opened.user)
        const attempts = Array.from({ length: 16 }, () => ({ ...sameKeyId(record), partSetId: randomBytes(16) }))
        const results = await Promise.all(attempts.map((attempt) => put(attempt)))
        const winners = attempts.filter((_, at) => results[at]?.known === undefined)
        expect(winners).to.have.length(1)
        const [winner] = winners as [SealedRecord]
        for (const { stored, known, change } of results) {
          expect(stored).to.include({ version: replaced ? 2n : 1n })
          expect(known?.record?.partSetId ?? change?.to.partSetId).to.deep.equal(winner.partSetId)
        }
        expect(await row(record)).to.deep.include({ envelope: winner.envelope, partSetId: winner.partSetId })
      }
    })
  })
}
