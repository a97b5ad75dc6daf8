// Records that keep earlier versions.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { listVersions, putKeeping, refersTo } from '../../src/backend/record/versions.js'
import type { Put } from '../../src/backend/store/store.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import {
  call,
  firstVersion,
  headerOf,
  keyId,
  nextVersion,
  putInto,
  putOf,
  reasonOf,
  sampleRecord,
  storeTime,
} from '../backend/samples.js'
import { absent, hexIds, type StoreUnderTest } from './store-under-test.js'

const noId = Buffer.alloc(0)
const numbersOf = (records: SealedRecord[]) => records.map(({ version }) => Number(version))

export function versionsContract(opened: StoreUnderTest): void {
  const put = (record: SealedRecord, changes: Partial<Put> = {}) => putInto(opened.store, record, changes)

  /** A record after this number of puts, all with these terms. */
  async function putTimes(count: number, changes: Partial<Put>): Promise<SealedRecord[]> {
    const first = sampleRecord(opened.user)
    const records = [first, ...Array.from({ length: count - 1 }, () => nextVersion(first))]
    const clock = { forRefusing: () => storeTime, forRemoving: () => storeTime }
    for (const record of records) await putKeeping({ store: opened.store, clock }, putOf(record, changes), call)
    return records
  }
  const hexOf = (...records: SealedRecord[]) => hexIds(records)

  describe('versions', () => {
    it('must be kept before a record that keeps versions is replaced', async () => {
      const record = sampleRecord(opened.user)
      expect(await put(record, { keepVersions: 3 })).to.include({ version: 1n })
      const second = nextVersion(record)
      const terms = { keepVersions: 3 }
      expect(await opened.store.putRecord(putOf(second, terms), call)).to.equal(undefined)
      expect(await opened.store.putRecord(putOf(second, { ...terms, keptHeader: headerOf(second) }), call)).to.equal(
        undefined,
      )
      expect(await opened.store.getRecord(record.recordId, call)).to.deep.equal({ ...firstVersion(record), ...terms })
      const written = await opened.store.putRecord(putOf(second, { ...terms, keptHeader: headerOf(record) }), call)
      expect(written?.change?.to).to.include({ version: 2n, keptVersions: 1, keepVersions: 3 })
      expect(await opened.store.getRecordHeader(record.recordId, call)).to.include({ keptVersions: 1, keepVersions: 3 })
      expect((await opened.store.putRecord(putOf(second, terms), call))?.stored).to.include({ version: 2n })
    })

    it('are checked against the precondition before the current one is kept', async () => {
      const record = sampleRecord(opened.user)
      await put(record)
      const terms = { keepVersions: 3, precondition: absent }
      expect(await reasonOf(opened.store.putRecord(putOf(nextVersion(record), terms), call))).to.equal('ALREADY_EXISTS')
    })

    it('are returned as they were put, sorted by life and number', async () => {
      const record = firstVersion(sampleRecord(opened.user))
      const lives = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)] as const
      const versions = lives.flatMap((lifeId) =>
        [9n, 10n, 2n ** 40n].map((version) => ({ ...nextVersion(record), lifeId, version })),
      )
      const other = { ...firstVersion(sampleRecord(opened.user)), lifeId: lives[0], version: 9n }
      await Promise.all([...versions, other].map((version) => opened.store.putVersion(version, call)))
      for (const version of versions) expect(await opened.store.getVersion(version, call)).to.deep.equal(version)
      expect(await opened.store.getVersion({ ...record, lifeId: lives[0], version: 11n }, call)).to.equal(undefined)
      const headers = versions.map((version) => ({ ...version, envelope: version.envelope.subarray(0, 88) }))
      const { recordId } = record
      expect(await opened.store.listVersions({ recordId }, call)).to.deep.equal(headers)
      const below = (lifeId: Buffer, number: bigint) =>
        opened.store.listVersions({ recordId, life: { lifeId, below: number } }, call)
      expect(await below(lives[1], 10n)).to.deep.equal([headers[3]])
      expect(await below(lives[1], 2n ** 64n - 1n)).to.deep.equal(headers.slice(3))
      expect(await below(Buffer.alloc(16, 3), 10n)).to.deep.equal([])
    })

    it('can be put twice, and removed twice', async () => {
      const version = firstVersion(sampleRecord(opened.user))
      for (const time of [1, 2]) {
        await opened.store.putVersion(version, call)
        expect(await opened.store.listVersions(version, call), `${time}`).to.have.length(1)
      }
      for (const _ of [1, 2]) await opened.store.removeVersion(version, call)
      expect(await opened.store.listVersions(version, call)).to.deep.equal([])
    })

    it('yield the ids of their records, page by page', async () => {
      const records = await Promise.all(Array.from({ length: 5 }, () => putTimes(4, { keepVersions: 4 })))
      const seen: string[] = []
      let after: Buffer | undefined
      do {
        const page = await opened.store.versionedRecords({ after, limit: 4 }, call)
        seen.push(...page.recordIds.map((id) => id.toString('hex')))
        after = page.next
      } while (after)
      expect(seen)
        .to.have.length(5)
        .and.have.members(hexOf(...records.map(([first]) => first as SealedRecord)))
    })

    it('survive a restart', async () => {
      const records = await putTimes(3, { keepVersions: 3 })
      await opened.reopen()
      const current = await opened.store.getRecordHeader((records[0] as SealedRecord).recordId, call)
      const versions = await listVersions(opened.store, { current: current as SealedRecord, now: storeTime }, call)
      expect(numbersOf(versions)).to.deep.equal([3, 2, 1])
      expect(versions.map(keyId)).to.deep.equal(records.map(keyId).reverse())
    })

    it('refer to their parts as long as they are kept', async () => {
      const records = await putTimes(4, { keepVersions: 3 })
      const { recordId } = records[0] as SealedRecord
      const referred = () =>
        Promise.all(records.map((record) => refersTo(opened.store, { recordId, setId: keyId(record) }, call)))
      // version 1 is dead but not removed yet, so it does not count
      expect(await opened.store.listVersions({ recordId }, call)).to.have.length(3)
      expect(await referred()).to.deep.equal([false, true, true, true])
      await opened.store.deleteRecord(
        { recordId, userUid: opened.user.userUid, expectKeyId: undefined, now: storeTime },
        call,
      )
      expect(await referred()).to.deep.equal([false, false, false, false])
    })

    it('refer to the part set that each of them names, and no longer to their key id', async () => {
      const first = sampleRecord(opened.user, { partCount: 1, partSetId: randomBytes(16) })
      const records = [
        first,
        nextVersion(first, { partSetId: randomBytes(16) }),
        nextVersion(first, { partSetId: noId }),
      ]
      const clock = { forRefusing: () => storeTime, forRemoving: () => storeTime }
      for (const record of records) {
        await putKeeping({ store: opened.store, clock }, putOf(record, { keepVersions: 3 }), call)
      }
      const { recordId } = first
      const referred = (ids: Buffer[]) =>
        Promise.all(ids.map((setId) => refersTo(opened.store, { recordId, setId }, call)))
      expect(await referred(records.map(keyId))).to.deep.equal([false, false, true])
      expect(await referred(records.slice(0, 2).map(({ partSetId }) => partSetId))).to.deep.equal([true, true])
      const listed = await opened.store.listVersions({ recordId }, call)
      expect(listed.map(({ partSetId }) => partSetId)).to.deep.equal(
        records.slice(0, 2).map(({ partSetId }) => partSetId),
      )
    })
  })
}
