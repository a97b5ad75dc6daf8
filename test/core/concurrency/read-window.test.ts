import { expect } from 'chai'
import { type ReadWindow, SharedReadWindow } from '../../../src/core/concurrency/read-window.js'

const MiB = 1024 * 1024
const limits = {
  process: { maxReads: 64, maxLargeReads: 16, maxUnsentBytes: 64 * MiB },
  reader: { maxReads: 64, maxLargeReads: 4, maxUnsentBytes: 4 * MiB },
}

/** Enters so many reads, and counts those that may begin. */
function enter(window: ReadWindow, reads: number) {
  const begun = { count: 0 }
  for (let read = 0; read < reads; read += 1) {
    const room = window.enter()
    if (room === undefined) begun.count += 1
    else
      void room.then(() => {
        begun.count += 1
      })
  }
  return begun
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Opens the window of the process, and of this reader, by small records. */
function warm(window: ReadWindow, reads = 64): void {
  for (let read = 0; read < reads; read += 1) {
    expect(window.enter()).to.equal(undefined)
    window.leave(1_000)
    window.sent(1_000)
  }
}

describe('read window', () => {
  it('opens with small records, up to its limit', () => {
    const window = new SharedReadWindow(limits).forReader()
    expect(enter(window, 4).count).to.equal(4)
    expect(enter(window, 1).count).to.equal(0)
    const cold = new SharedReadWindow(limits).forReader()
    warm(cold, 10)
    expect(enter(cold, 100).count).to.equal(14)
    const open = new SharedReadWindow(limits).forReader()
    warm(open, 1_000)
    expect(enter(open, 100).count).to.equal(64)
  })

  it('shares its reads between readers, one of each in turn', async () => {
    const shared = new SharedReadWindow(limits)
    const [one, other] = [shared.forReader(), shared.forReader()]
    warm(one)
    warm(other)
    const ofOne = enter(one, 100)
    const ofOther = enter(other, 100)
    expect([ofOne.count, ofOther.count]).to.deep.equal([64, 0])
    for (let ended = 0; ended < 20; ended += 1) one.leave(1_000)
    await turn()
    expect([ofOne.count, ofOther.count]).to.deep.equal([74, 10])
  })

  it('closes with a large record: 16 reads, and 4 of one reader', async () => {
    const shared = new SharedReadWindow(limits)
    const readers = Array.from({ length: 6 }, () => shared.forReader())
    for (const reader of readers) warm(reader)
    const begun = readers.map((reader, at) => enter(reader, at === 0 ? 64 : 40))
    expect(begun.map(({ count }) => count)).to.deep.equal([64, 0, 0, 0, 0, 0])
    for (let read = 0; read < 64; read += 1) {
      readers[0]!.leave(100_000)
      readers[0]!.sent(100_000)
    }
    await turn()
    const [, ...others] = begun.map(({ count }) => count)
    expect(others.reduce((sum, count) => sum + count)).to.equal(16)
    expect(enter(readers[0]!, 1).count).to.equal(0)
  })

  it('lets a reader that takes no results hold up no other reader', () => {
    const shared = new SharedReadWindow(limits)
    const [silent, other] = [shared.forReader(), shared.forReader()]
    warm(silent, 20)
    expect(enter(silent, 16).count).to.equal(16)
    for (let read = 0; read < 16; read += 1) silent.leave(MiB / 2)
    expect(enter(silent, 1).count).to.equal(0)
    expect(enter(other, 4).count).to.equal(4)
  })

  it('gives back what a reader held that ends', async () => {
    const shared = new SharedReadWindow(limits)
    const silent = shared.forReader()
    warm(silent)
    enter(silent, 32)
    for (let read = 0; read < 32; read += 1) silent.leave(2 * MiB)
    const other = shared.forReader()
    const begun = enter(other, 1)
    expect(begun.count).to.equal(0) // 64 MiB wait
    silent.close()
    await turn()
    expect(begun.count).to.equal(1)
  })

  it('lets the waiting reads of a cancelled reader begin', async () => {
    const shared = new SharedReadWindow(limits)
    const reader = shared.forReader()
    const begun = enter(reader, 100)
    reader.cancel()
    await turn()
    expect(begun.count).to.equal(100)
  })
})
