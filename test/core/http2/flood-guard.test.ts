import { expect } from 'chai'
import { FloodGuard, publicLimits, serviceLimits } from '../../../src/core/http2/flood-guard.js'

/** How many nuisances are borne at once. */
function borne(abuse: FloodGuard): number {
  for (let count = 0; ; count += 1) {
    try {
      abuse.count()
    } catch (error) {
      expect(error).to.include({ code: 11, message: 'too many cancelled calls or empty frames' })
      return count
    }
  }
}

describe('abuse', () => {
  const reading = { isFull: false }

  it('is borne up to a bound, of services more than of strangers', () => {
    expect(borne(new FloodGuard(reading, publicLimits))).to.be.within(1_000, 1_010)
    expect(borne(new FloodGuard(reading, serviceLimits))).to.be.within(30_000, 31_000)
  })

  it('is made up for by calls that succeed', () => {
    const abuse = new FloodGuard(reading, { burst: 10, perSecond: 0 })
    for (let count = 0; count < 10_000; count += 1) {
      abuse.count()
      abuse.forgive()
    }
    expect(borne(abuse)).to.equal(10)
  })

  it('of answers ends with a peer that reads none of them', () => {
    const unread = { isFull: true }
    const abuse = new FloodGuard(unread, publicLimits)
    for (let count = 0; count < 1_000; count += 1) abuse.countAnswer()
    expect(() => abuse.countAnswer()).to.throw('too many answers that are not read')
  })
})
