import { expect } from 'chai'
import { OpenPace } from '../../../src/core/http2/open-pace.js'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** A connection with so many streams to open; it opens them as the pace allows. */
function connection(pace: OpenPace, streams: number) {
  const own = { turn: -1, opened: 0 }
  const state = { left: streams }
  const readOn = () => {
    while (state.left > 0 && !pace.mustWait(own)) {
      state.left -= 1
      pace.count(own)
    }
    if (state.left > 0) pace.defer(readOn)
  }
  readOn()
  return state
}

describe('pace of opening streams', () => {
  it('lets one connection open 128 in a turn, and the rest in later turns', async () => {
    const flood = connection(new OpenPace(), 300)
    expect(flood.left).to.equal(172)
    await nextTurn()
    expect(flood.left).to.equal(44)
    await nextTurn()
    expect(flood.left).to.equal(0)
  })

  it('lets every connection open one stream at once, and all floods together 128 in a turn', async () => {
    const pace = new OpenPace()
    const floods = Array.from({ length: 100 }, () => connection(pace, 1_000))
    const left = () => floods.reduce((sum, flood) => sum + flood.left, 0)
    const other = connection(pace, 1)
    expect(other.left).to.equal(0)
    for (let turn = 0; turn < 20; turn += 1) {
      const before = left()
      await nextTurn()
      expect(before - left()).to.be.within(128, 136)
    }
    expect(new Set(floods.slice(1).map(({ left: each }) => Math.round(each / 20))).size).to.be.at.most(2) // shared evenly
  })
})
