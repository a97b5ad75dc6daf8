// Lists of records, page by page.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import { call, firstVersion, sampleRecord, sampleUser, storeTime } from '../backend/samples.js'
import { hexIds, type StoreUnderTest } from './store-under-test.js'

export function listsContract(opened: StoreUnderTest): void {
  describe('lists', () => {
    it('are empty for a user without records', async () => {
      expect(await opened.walk(10)).to.deep.equal([[]])
    })

    it('show everything but the chunks of the envelope', async () => {
      const record = sampleRecord(opened.user)
      await opened.put(record)
      const envelope = record.envelope.subarray(0, 88)
      expect(await opened.walk(10)).to.deep.equal([[{ ...firstVersion(record), envelope }]])
    })

    it('hold each record of the user once, and no other', async () => {
      const records = await opened.putMany(25)
      await opened.put(sampleRecord(sampleUser()))
      for (const edge of [0x00, 0xff]) {
        const recordId = Buffer.concat([opened.user.userPseudonym, Buffer.alloc(36, edge)])
        records.push(sampleRecord(opened.user, { recordId }))
        await opened.put(records.at(-1) as SealedRecord)
      }
      for (const limit of [1, 4, 9, 27, 1000]) {
        const pages = await opened.walk(limit)
        expect(pages).to.have.length(Math.ceil(27 / limit))
        expect(hexIds(pages.flat())).to.have.members(hexIds(records))
      }
    })

    it('end a page at its byte limit, but never before its first record', async () => {
      const records = Array.from({ length: 6 }, () => sampleRecord(opened.user, { entryBox: randomBytes(8192) }))
      await Promise.all(records.map((record) => opened.put(record)))
      const { userPseudonym, userUid } = opened.user
      const list = (maxBytes: number) =>
        opened.store.listRecords(
          { userPseudonym, userUid, now: storeTime, after: undefined, limit: 100, maxBytes },
          call,
        )
      expect((await list(20_000)).records).to.have.length(2)
      const least = await list(1)
      expect(least.records).to.have.length(1)
      expect(least.next).not.to.equal(undefined)
    })

    it('leave out rows of another life', async () => {
      const records = await opened.putMany(5)
      await opened.put(sampleRecord({ ...opened.user, userUid: randomBytes(16) }))
      expect(hexIds((await opened.walk(2)).flat())).to.have.members(hexIds(records))
    })

    it('show a record that stays throughout exactly once, whatever other records come and go', async () => {
      const staying = await opened.putMany(30)
      let going = await opened.putMany(30)
      const pages = await opened.walk(3, async () => {
        await Promise.all(going.splice(0, 5).map((record) => opened.remove(record)))
        going = [...going, ...(await opened.putMany(4))]
      })
      const shown = hexIds(pages.flat())
      expect(shown).to.include.members(hexIds(staying))
      expect(new Set(shown).size).to.equal(shown.length)
    })

    it('continue after a record that was deleted between two pages', async () => {
      const records = await opened.putMany(6)
      const shown: SealedRecord[] = []
      const pages = await opened.walk(2, async (page) => {
        if (page > 1) return
        const [first] = await opened.walk(2)
        shown.push(...(first ?? []))
        await Promise.all(shown.map((record) => opened.remove(record)))
      })
      expect(hexIds(pages.flat())).to.have.members(hexIds(records))
    })
  })
}
