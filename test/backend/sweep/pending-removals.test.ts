import { expect } from 'chai'
import { pendingRemovals } from '../../../src/backend/sweep/pending-removals.js'
import { sampleSet } from '../samples.js'

describe('pending removals', () => {
  it('know since when each set waits', () => {
    const waiting = pendingRemovals(10)
    const [a, b] = [sampleSet(), sampleSet()]
    expect([waiting.add(a, 5), waiting.add(b, 7), waiting.add(a, 9)]).to.deep.equal([5, 7, 5])
    expect(waiting.listWaitingSince(4)).to.deep.equal([])
    expect(waiting.listWaitingSince(6)).to.deep.equal([a])
    expect(waiting.listWaitingSince(7)).to.deep.equal([a, b])
  })

  it('start again after a drop', () => {
    const waiting = pendingRemovals(10)
    const set = sampleSet()
    waiting.add(set, 1)
    waiting.drop(set)
    expect(waiting.add(set, 8)).to.equal(8)
  })

  it('are bounded, and sets that wait already stay', () => {
    const waiting = pendingRemovals(2)
    const [a, b, c] = [sampleSet(), sampleSet(), sampleSet()]
    expect([a, b, c].map((set) => waiting.add(set, 1))).to.deep.equal([1, 1, undefined])
    expect(waiting.add(a, 2)).to.equal(1)
    waiting.drop(a)
    expect(waiting.add(c, 3)).to.equal(3)
  })

  it('drop the sets that were not seen', () => {
    const waiting = pendingRemovals(10)
    const [a, b] = [sampleSet(), sampleSet()]
    for (const set of [a, b]) waiting.add(set, 1)
    waiting.dropUnseen()
    waiting.add(a, 2)
    waiting.dropUnseen()
    expect([waiting.add(a, 3), waiting.add(b, 3)]).to.deep.equal([1, 3])
  })

  it('keep no reference to the given buffers', () => {
    const waiting = pendingRemovals(10)
    const set = sampleSet()
    const copy = { recordId: Buffer.from(set.recordId), setId: Buffer.from(set.setId) }
    waiting.add(set, 1)
    for (const bytes of Object.values(set)) (bytes as Buffer).fill(0)
    expect(waiting.listWaitingSince(1)).to.deep.equal([copy])
  })
})
