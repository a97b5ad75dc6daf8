// What every engine behind the PartStore interface must do. An engine's test file calls partStoreContract with a way to
// open an empty store.
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import type { PartSet, PartStore } from '../src/backend/part-store.js'
import type { StoreCall } from '../src/backend/store.js'
import { VaultError } from '../src/core/errors.js'
import { call, reasonOf, rejection } from './backend/samples.js'

export interface OpenedPartStore {
  parts: PartStore
  /** Closes the store and opens it again. */
  reopen: () => Promise<PartStore>
  cleanup: () => Promise<void>
}

const partBytes = 1_048_832
/** How far the clock of a store may be from ours, or be rounded. */
const clockMs = 1_500

export function sampleSet(recordId: Buffer = randomBytes(72)): PartSet {
  return { recordId, keyId: randomBytes(16) }
}

function ended(): StoreCall {
  return { ...call, signal: AbortSignal.abort(new VaultError('CANCELLED')) }
}

function late(): StoreCall {
  return { ...call, deadline: Date.now() - 1 }
}

/** chai compares byte by byte, which takes seconds. */
function expectSame(bytes: Buffer | undefined, expected: Buffer): void {
  expect(bytes?.equals(expected)).to.equal(true)
}

export function partStoreContract(name: string, open: () => Promise<OpenedPartStore>): void {
  describe(`${name} as a part store`, () => {
    let opened: OpenedPartStore
    let parts: PartStore
    let set: PartSet

    beforeEach(async () => {
      opened = await open()
      parts = opened.parts
      set = sampleSet()
    })
    afterEach(() => opened.cleanup())

    const put = (partNumber: number, data: Buffer, of: PartSet = set) => parts.put({ ...of, partNumber, data }, call)
    const get = (partNumber: number, [offset, length] = [0, 0], of: PartSet = set) =>
      parts.get({ ...of, partNumber, offset, length }, call)
    const text = async (partNumber: number, range?: [number, number]) => String(await get(partNumber, range))
    const texts = (...numbers: number[]) => Promise.all(numbers.map((each) => put(each, Buffer.from(`part ${each}`))))

    async function listed(): Promise<string[]> {
      const found: string[] = []
      for await (const { recordId, keyId } of parts.sets(call)) {
        found.push(`${recordId.toString('hex')} ${keyId.toString('hex')}`)
      }
      return found
    }
    const named = (...sets: PartSet[]) =>
      sets.map(({ recordId, keyId }) => `${recordId.toString('hex')} ${keyId.toString('hex')}`)

    describe('put and get', () => {
      it('gives back what was put, byte for byte', async () => {
        for (const [at, bytes] of [1, partBytes, 2 << 20].entries()) {
          const data = randomBytes(bytes)
          await put(at, data)
          expectSame(await get(at), data)
        }
      })

      it('has what was answered after it was opened again', async () => {
        await texts(0, 1)
        parts = await opened.reopen()
        expect([await text(0), await text(1)]).to.deep.equal(['part 0', 'part 1'])
        expect(await parts.state(set, call)).to.include({ count: 2 })
      })

      it('has nothing under another record, key id or number', async () => {
        await texts(1)
        expect(await get(0)).to.equal(undefined)
        expect(await get(10)).to.equal(undefined)
        expect(await get(1, [0, 0], { ...set, keyId: randomBytes(16) })).to.equal(undefined)
        const other = Buffer.concat([set.recordId.subarray(0, 71), Buffer.of(set.recordId[71]! ^ 1)])
        expect(await get(1, [0, 0], { ...set, recordId: other })).to.equal(undefined)
      })

      it('takes the largest part number, and keeps numbers apart that look alike', async () => {
        await texts(1, 10, 100, 2 ** 20 - 1)
        expect(await Promise.all([1, 10, 100, 2 ** 20 - 1].map((each) => text(each)))).to.deep.equal([
          'part 1',
          'part 10',
          'part 100',
          'part 1048575',
        ])
      })

      it('is the same again with the same bytes', async () => {
        const data = randomBytes(partBytes)
        await put(0, data)
        await put(0, Buffer.from(data))
        parts = await opened.reopen()
        await put(0, data)
        expectSame(await get(0), data)
        expect(await parts.state(set, call)).to.include({ count: 1 })
      })

      it('refuses other bytes, and leaves those that are there', async () => {
        const data = randomBytes(1000)
        await put(0, data)
        const others = [randomBytes(1000), data.subarray(1), Buffer.concat([data, data])]
        for (const other of others) {
          const error = await rejection(put(0, other))
          expect(error.reason).to.equal('ALREADY_EXISTS')
          expect(error.message).to.equal('there is a part of that number with other bytes')
        }
        expectSame(await get(0), data)
      })

      it('shows one winner to many who put the same part at once', async () => {
        const rivals = Array.from({ length: 8 }, () => randomBytes(5000))
        const outcomes = await Promise.allSettled(rivals.map((data) => put(0, data)))
        const won = rivals.filter((_, at) => outcomes[at]!.status === 'fulfilled')
        expect(won).to.have.length(1)
        expectSame(await get(0), won[0]!)
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') expect(outcome.reason).to.include({ reason: 'ALREADY_EXISTS' })
        }
      })

      it('lets everybody succeed who puts the same bytes at once', async () => {
        const data = randomBytes(partBytes)
        await Promise.all(Array.from({ length: 8 }, () => put(0, data)))
        expectSame(await get(0), data)
      })

      it('takes many parts of many sets at once', async () => {
        const sets = Array.from({ length: 6 }, (_, at) => sampleSet(at < 3 ? set.recordId : undefined))
        const data = sets.map(() => randomBytes(3000))
        await Promise.all(sets.flatMap((of, at) => [0, 1, 2, 3].map((number) => put(number, data[at]!, of))))
        for (const [at, of] of sets.entries()) {
          expect(await parts.state(of, call)).to.include({ count: 4 })
          expectSame(await get(3, [0, 0], of), data[at]!)
        }
      })
    })

    describe('a range', () => {
      beforeEach(() => put(0, Buffer.from('0123456789')))

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
          expect(await text(0, [offset, length])).to.equal(bytes)
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
          const error = await rejection(get(0, range))
          expect(error.reason).to.equal('RANGE_PAST_END')
          expect(error.message).to.equal('the range is past the end: the part has 10 bytes')
        })
      }

      it('of a part that is not there is not there either', async () => {
        expect(await get(1, [5, 5])).to.equal(undefined)
      })
    })

    describe('state', () => {
      it('counts parts without a gap, and knows when the first was written', async () => {
        const before = Date.now()
        await texts(0, 1, 2)
        const state = await parts.state(set, call)
        expect(state?.count).to.equal(3)
        expect(Number(state?.begun)).to.be.within(before - clockMs, Date.now() + clockMs)
      })

      it('is undefined for a set that is not there', async () => {
        expect(await parts.state(set, call)).to.equal(undefined)
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
          await texts(partNumber)
          expect((await parts.state(set, call))?.count).to.equal(count)
        }
      })

      it('counts across tens and hundreds', async () => {
        await texts(...Array.from({ length: 101 }, (_, at) => at))
        expect(await parts.state(set, call)).to.include({ count: 101 })
      })

      it('keeps the time of the first part, and moves the newest, as others come', async () => {
        await texts(0)
        const begun = (await parts.state(set, call))?.begun
        const newest = Number(await parts.newest(set, call))
        await new Promise((resolve) => setTimeout(resolve, clockMs))
        const before = Date.now()
        await texts(1)
        await texts(0)
        expect((await parts.state(set, call))?.begun).to.deep.equal(begun)
        expect(Number(await parts.newest(set, call))).to.be.within(before - clockMs, Date.now() + clockMs)
        expect(Number(await parts.newest(set, call))).to.be.greaterThan(newest)
      })

      it('has no newest part of a set that is not there', async () => {
        expect(await parts.newest(set, call)).to.equal(undefined)
      })
    })

    describe('sets', () => {
      it('are none at first', async () => {
        expect(await listed()).to.deep.equal([])
      })

      it('are each listed once, whatever the number of their parts', async () => {
        const sets = Array.from({ length: 9 }, (_, at) => sampleSet(at < 4 ? set.recordId : undefined))
        for (const [at, of] of sets.entries()) {
          for (let number = 0; number < (at % 3) + 1; number += 1) await put(number, Buffer.of(number), of)
        }
        expect(await listed()).to.have.members(named(...sets))
      })

      it('are listed with a gap as well', async () => {
        await texts(7)
        expect(await listed()).to.deep.equal(named(set))
      })

      it('may be removed while they are walked', async () => {
        const sets = Array.from({ length: 70 }, () => sampleSet())
        for (const of of sets) await put(0, Buffer.of(1), of)
        let seen = 0
        for await (const found of parts.sets(call)) {
          await parts.remove(found, call)
          seen += 1
        }
        expect(seen).to.equal(70)
        expect(await listed()).to.deep.equal([])
      })

      it('may be left off anywhere', async () => {
        await texts(0)
        await put(0, Buffer.of(1), sampleSet())
        for await (const _ of parts.sets(call)) break
        expect(await listed()).to.have.length(2)
      })
    })

    describe('remove', () => {
      it('removes all parts of a set, and of no other', async () => {
        const sibling = sampleSet(set.recordId)
        await texts(0, 1, 2)
        await put(0, Buffer.from('kept'), sibling)
        await parts.remove(set, call)
        expect(await parts.state(set, call)).to.equal(undefined)
        expect([await get(0), await get(2)]).to.deep.equal([undefined, undefined])
        expect(String(await get(0, [0, 0], sibling))).to.equal('kept')
        expect(await listed()).to.deep.equal(named(sibling))
      })

      it('of a set that is not there, or a second time, is a success', async () => {
        await parts.remove(set, call)
        await texts(0)
        await parts.remove(set, call)
        await parts.remove(set, call)
        expect(await get(0)).to.equal(undefined)
      })

      it('makes room for other bytes', async () => {
        await texts(0)
        await parts.remove(set, call)
        await put(0, Buffer.from('other'))
        expect(await text(0)).to.equal('other')
      })

      it('beside puts of sets of the same record harms none of them', async () => {
        for (let round = 0; round < 20; round += 1) {
          const [gone, next] = [sampleSet(set.recordId), sampleSet(set.recordId)]
          await put(0, Buffer.of(1), gone)
          await Promise.all([parts.remove(gone, call), put(0, Buffer.of(2), next)])
          expect(await get(0, [0, 0], next)).to.deep.equal(Buffer.of(2))
          await parts.remove(next, call)
        }
      })
    })

    describe('a call that has ended', () => {
      const endings: [string, () => StoreCall, string][] = [
        ['cancelled', ended, 'CANCELLED'],
        ['late', late, 'DEADLINE_EXCEEDED'],
      ]
      for (const [how, asCall, reason] of endings) {
        it(`is refused when it is ${how}, and has changed nothing`, async () => {
          await texts(0)
          const other = { ...set, partNumber: 1, data: Buffer.of(1) }
          const attempts = [
            parts.put(other, asCall()),
            parts.get({ ...set, partNumber: 0, offset: 0, length: 0 }, asCall()),
            parts.state(set, asCall()),
            parts.newest(set, asCall()),
            parts.remove(set, asCall()),
            parts.sets(asCall())[Symbol.asyncIterator]().next(),
          ]
          for (const attempt of attempts) expect(await reasonOf(attempt)).to.equal(reason)
          expect(await parts.state(set, call)).to.include({ count: 1 })
        })
      }
    })
  })
}
