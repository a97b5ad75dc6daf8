import { expect } from 'chai'
import { conflict, retryOnConflict } from '../../../src/backend/store/compare-and-set.js'
import { call, reasonOf, rejection } from '../samples.js'

describe('retryOnConflict', () => {
  function overtakenFor(times: number): { turn: () => Promise<string | typeof conflict>; taken: () => number } {
    let taken = 0
    return { turn: async () => (++taken > times ? 'done' : conflict), taken: () => taken }
  }

  it('resolves with the first attempt without a conflict', async () => {
    const { turn, taken } = overtakenFor(3)
    expect(await retryOnConflict(turn, call)).to.equal('done')
    expect(taken()).to.equal(4)
  })

  it('gives up after 32 attempts', async () => {
    const { turn, taken } = overtakenFor(1000)
    const error = await rejection(retryOnConflict(turn, call))
    expect(error.reason).to.equal('CONTENTION')
    expect(error.message).to.equal('too many calls write this record at once; try again')
    expect(taken()).to.equal(32)
  })

  it('makes no attempt for a call that has ended', async () => {
    const { turn, taken } = overtakenFor(1000)
    const start = Date.now()
    expect(await reasonOf(retryOnConflict(turn, { ...call, deadline: start + 50 }))).to.equal('DEADLINE_EXCEEDED')
    expect(Date.now() - start).to.be.lessThan(30_000)
    expect(taken()).to.be.lessThan(32)
  })
})
