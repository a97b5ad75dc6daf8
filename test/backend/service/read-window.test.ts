import { expect } from 'chai'
import { type ReadWindow, SharedReadWindow } from '../../../src/backend/service/read-window.js'

const MiB = 1024 * 1024

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

describe('read window', () => {
  it('shares 64 reads between streams, one of each in turn', async () => {
    const shared = new SharedReadWindow()
    const [one, other] = [shared.forStream(), shared.forStream()]
    const ofOne = enter(one, 100)
    const ofOther = enter(other, 100)
    expect([ofOne.count, ofOther.count]).to.deep.equal([64, 0])
    for (let ended = 0; ended < 20; ended += 1) one.leave(1_000)
    await turn()
    expect([ofOne.count, ofOther.count]).to.deep.equal([74, 10])
  })

  it('lets 16 reads begin after a large row, 4 of them of one stream', async () => {
    const shared = new SharedReadWindow()
    const streams = Array.from({ length: 6 }, () => shared.forStream())
    const begun = streams.map((stream, at) => enter(stream, at === 0 ? 64 : 40))
    expect(begun.map(({ count }) => count)).to.deep.equal([64, 0, 0, 0, 0, 0])
    for (let read = 0; read < 64; read += 1) {
      streams[0]!.leave(100_000)
      streams[0]!.sent(100_000)
    }
    await turn()
    const [, ...others] = begun.map(({ count }) => count)
    expect(others.reduce((sum, count) => sum + count)).to.equal(16)
    expect(Math.max(...others)).to.equal(4) // one in turn while rows were small, then four at most
  })

  it('lets a stream whose results nobody takes hold up no other stream', async () => {
    const shared = new SharedReadWindow()
    const [silent, other] = [shared.forStream(), shared.forStream()]
    const ofSilent = enter(silent, 64)
    expect(ofSilent.count).to.equal(64)
    for (let read = 0; read < 64; read += 1) silent.leave(MiB / 2)
    expect(enter(silent, 1).count).to.equal(0)
    expect(enter(other, 4).count).to.equal(4)
  })

  it('gives back what a stream held that ends', async () => {
    const shared = new SharedReadWindow()
    const silent = shared.forStream()
    enter(silent, 32)
    for (let read = 0; read < 32; read += 1) silent.leave(2 * MiB)
    const other = shared.forStream()
    const begun = enter(other, 1)
    expect(begun.count).to.equal(0) // 64 MiB wait
    silent.close()
    await turn()
    expect(begun.count).to.equal(1)
  })

  it('lets the waiting reads of a cancelled stream begin', async () => {
    const shared = new SharedReadWindow()
    const stream = shared.forStream()
    const begun = enter(stream, 100)
    stream.cancel()
    await turn()
    expect(begun.count).to.equal(100)
  })
})
