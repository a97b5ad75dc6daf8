// Parts of large records: puts, reads and reads of ranges.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { call, rejection, sampleSet } from '../backend/samples.js'
import type { PartStoreUnderTest } from './part-store-under-test.js'

const partBytes = 1_048_832

/** Compares without chai, which goes byte by byte and takes seconds. */
function expectSame(bytes: Buffer | undefined, expected: Buffer): void {
  expect(bytes?.equals(expected)).to.equal(true)
}

export function partsContract(opened: PartStoreUnderTest): void {
  describe('put and get', () => {
    it('returns the bytes that were put', async () => {
      for (const [at, bytes] of [1, partBytes, 2 << 20].entries()) {
        const data = randomBytes(bytes)
        await opened.put(at, data)
        expectSame(await opened.get(at), data)
      }
    })

    it('keeps the acknowledged parts over a restart', async () => {
      await opened.texts(0, 1)
      await opened.reopen()
      expect([await opened.text(0), await opened.text(1)]).to.deep.equal(['part 0', 'part 1'])
      expect(await opened.parts.state(opened.set, call)).to.include({ count: 2 })
    })

    it('has nothing under another record, key id or number', async () => {
      await opened.texts(1)
      expect(await opened.get(0)).to.equal(undefined)
      expect(await opened.get(10)).to.equal(undefined)
      expect(await opened.get(1, [0, 0], { ...opened.set, setId: randomBytes(16) })).to.equal(undefined)
      const other = Buffer.concat([opened.set.recordId.subarray(0, 71), Buffer.of(opened.set.recordId[71]! ^ 1)])
      expect(await opened.get(1, [0, 0], { ...opened.set, recordId: other })).to.equal(undefined)
    })

    it('takes the largest part number, and distinguishes similar numbers', async () => {
      await opened.texts(1, 10, 100, 2 ** 20 - 1)
      expect(await Promise.all([1, 10, 100, 2 ** 20 - 1].map((each) => opened.text(each)))).to.deep.equal([
        'part 1',
        'part 10',
        'part 100',
        'part 1048575',
      ])
    })

    it('accepts a part again with the same bytes', async () => {
      const data = randomBytes(partBytes)
      await opened.put(0, data)
      await opened.put(0, Buffer.from(data))
      await opened.reopen()
      await opened.put(0, data)
      expectSame(await opened.get(0), data)
      expect(await opened.parts.state(opened.set, call)).to.include({ count: 1 })
    })

    it('refuses other bytes for a part, and keeps the first', async () => {
      const data = randomBytes(1000)
      await opened.put(0, data)
      const others = [randomBytes(1000), data.subarray(1), Buffer.concat([data, data])]
      for (const other of others) {
        const error = await rejection(opened.put(0, other))
        expect(error.reason).to.equal('ALREADY_EXISTS')
        expect(error.message).to.equal('there is a part of that number with other bytes')
      }
      expectSame(await opened.get(0), data)
    })

    it('shows one winner to many writers of the same part', async () => {
      const rivals = Array.from({ length: 8 }, () => randomBytes(5000))
      const outcomes = await Promise.allSettled(rivals.map((data) => opened.put(0, data)))
      const won = rivals.filter((_, at) => outcomes[at]!.status === 'fulfilled')
      expect(won).to.have.length(1)
      expectSame(await opened.get(0), won[0]!)
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).to.include({ reason: 'ALREADY_EXISTS' })
      }
    })

    it('succeeds for all writers of the same bytes', async () => {
      const data = randomBytes(partBytes)
      await Promise.all(Array.from({ length: 8 }, () => opened.put(0, data)))
      expectSame(await opened.get(0), data)
    })

    it('takes many parts of many sets at once', async () => {
      const sets = Array.from({ length: 6 }, (_, at) => sampleSet(at < 3 ? opened.set.recordId : undefined))
      const data = sets.map(() => randomBytes(3000))
      await Promise.all(sets.flatMap((of, at) => [0, 1, 2, 3].map((number) => opened.put(number, data[at]!, of))))
      for (const [at, of] of sets.entries()) {
        expect(await opened.parts.state(of, call)).to.include({ count: 4 })
        expectSame(await opened.get(3, [0, 0], of), data[at]!)
      }
    })
  })

  describe('a range', () => {
    beforeEach(() => opened.put(0, Buffer.from('0123456789')))

    for (const [offset, length, bytes] of [
      [0, 0, '0123456789'],
      [0, 1, '0'],
      [3, 4, '3456'],
      [9, 1, '9'],
      [4, 0, '456789'],
      [0, 10, '0123456789'],
      [10, 0, ''],
    ] as const) {
      it(`of ${length} from ${offset} is '${bytes}'`, async () => {
        expect(await opened.text(0, [offset, length])).to.equal(bytes)
      })
    }

    for (const range of [
      [0, 11],
      [9, 2],
      [10, 1],
      [11, 0],
      [2 ** 32 - 1, 2 ** 32 - 1],
    ] as [number, number][]) {
      it(`of ${range[1]} from ${range[0]} is past the end`, async () => {
        const error = await rejection(opened.get(0, range))
        expect(error.reason).to.equal('RANGE_PAST_END')
        expect(error.message).to.equal('the range is past the end: the part has 10 bytes')
      })
    }

    it('of an absent part is undefined', async () => {
      expect(await opened.get(1, [5, 5])).to.equal(undefined)
    })
  })
}
