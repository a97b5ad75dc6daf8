// The parts of one version, as a set: counted, listed, removed.
import { expect } from 'chai'
import { call, sampleSet } from '../backend/samples.js'
import { type PartStoreUnderTest, setNames } from './part-store-under-test.js'

/** The largest difference between our clock and that of a store, rounding included. */
const clockMs = 1_500

export function partSetsContract(opened: PartStoreUnderTest): void {
  describe('state', () => {
    it('counts the parts of a set without a gap, and has the time of the first', async () => {
      const before = Date.now()
      await opened.texts(0, 1, 2)
      const state = await opened.parts.state(opened.set, call)
      expect(state?.count).to.equal(3)
      expect(Number(state?.begun)).to.be.within(before - clockMs, Date.now() + clockMs)
    })

    it('is undefined for an absent set', async () => {
      expect(await opened.parts.state(opened.set, call)).to.equal(undefined)
    })

    it('is undefined while there is a gap, in whatever order the parts come', async () => {
      for (const [partNumber, count] of [
        [2, undefined],
        [0, undefined],
        [3, undefined],
        [1, 4],
        [5, undefined],
        [4, 6],
      ] as const) {
        await opened.texts(partNumber)
        expect((await opened.parts.state(opened.set, call))?.count).to.equal(count)
      }
    })

    it('counts across tens and hundreds', async () => {
      await opened.texts(...Array.from({ length: 101 }, (_, at) => at))
      expect(await opened.parts.state(opened.set, call)).to.include({ count: 101 })
    })

    it('keeps the time of the first part, and updates the newest, as parts arrive', async () => {
      await opened.texts(0)
      const begun = (await opened.parts.state(opened.set, call))?.begun
      const newest = Number(await opened.parts.newest(opened.set, call))
      await new Promise((resolve) => setTimeout(resolve, clockMs))
      const before = Date.now()
      await opened.texts(1)
      await opened.texts(0)
      expect((await opened.parts.state(opened.set, call))?.begun).to.deep.equal(begun)
      expect(Number(await opened.parts.newest(opened.set, call))).to.be.within(before - clockMs, Date.now() + clockMs)
      expect(Number(await opened.parts.newest(opened.set, call))).to.be.greaterThan(newest)
    })

    it('has no newest part for an absent set', async () => {
      expect(await opened.parts.newest(opened.set, call)).to.equal(undefined)
    })
  })

  describe('sets', () => {
    it('are none at first', async () => {
      expect(await opened.listed()).to.deep.equal([])
    })

    it('are each listed once, whatever the number of their parts', async () => {
      const sets = Array.from({ length: 9 }, (_, at) => sampleSet(at < 4 ? opened.set.recordId : undefined))
      for (const [at, of] of sets.entries()) {
        for (let number = 0; number < (at % 3) + 1; number += 1) await opened.put(number, Buffer.of(number), of)
      }
      expect(await opened.listed()).to.have.members(setNames(...sets))
    })

    it('are listed even with a gap', async () => {
      await opened.texts(7)
      expect(await opened.listed()).to.deep.equal(setNames(opened.set))
    })

    it('may be removed during the walk', async () => {
      const sets = Array.from({ length: 70 }, () => sampleSet())
      for (const of of sets) await opened.put(0, Buffer.of(1), of)
      let seen = 0
      for await (const found of opened.parts.sets(call)) {
        await opened.parts.remove(found, call)
        seen += 1
      }
      expect(seen).to.equal(70)
      expect(await opened.listed()).to.deep.equal([])
    })

    it('may be abandoned at any point of the walk', async () => {
      await opened.texts(0)
      await opened.put(0, Buffer.of(1), sampleSet())
      for await (const _ of opened.parts.sets(call)) break
      expect(await opened.listed()).to.have.length(2)
    })
  })

  describe('remove', () => {
    it('removes all parts of a set, and of no other', async () => {
      const sibling = sampleSet(opened.set.recordId)
      await opened.texts(0, 1, 2)
      await opened.put(0, Buffer.from('kept'), sibling)
      await opened.parts.remove(opened.set, call)
      expect(await opened.parts.state(opened.set, call)).to.equal(undefined)
      expect([await opened.get(0), await opened.get(2)]).to.deep.equal([undefined, undefined])
      expect(String(await opened.get(0, [0, 0], sibling))).to.equal('kept')
      expect(await opened.listed()).to.deep.equal(setNames(sibling))
    })

    it('succeeds for an absent set, and a second time', async () => {
      await opened.parts.remove(opened.set, call)
      await opened.texts(0)
      await opened.parts.remove(opened.set, call)
      await opened.parts.remove(opened.set, call)
      expect(await opened.get(0)).to.equal(undefined)
    })

    it('makes room for other bytes', async () => {
      await opened.texts(0)
      await opened.parts.remove(opened.set, call)
      await opened.put(0, Buffer.from('other'))
      expect(await opened.text(0)).to.equal('other')
    })

    it('harms no concurrent put into another set of the record', async () => {
      for (let round = 0; round < 20; round += 1) {
        const [gone, next] = [sampleSet(opened.set.recordId), sampleSet(opened.set.recordId)]
        await opened.put(0, Buffer.of(1), gone)
        await Promise.all([opened.parts.remove(gone, call), opened.put(0, Buffer.of(2), next)])
        expect(await opened.get(0, [0, 0], next)).to.deep.equal(Buffer.of(2))
        await opened.parts.remove(next, call)
      }
    })
  })
}
