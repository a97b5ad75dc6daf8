import { expect } from 'chai'
import { Abuse, services, strangers } from '../../../src/core/http2/flood-guard.js'

/** How many nuisances are borne at once. */
function borne(abuse: Abuse): number {
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
    expect(borne(new Abuse(reading, strangers))).to.be.within(1_000, 1_010)
    expect(borne(new Abuse(reading, services))).to.be.within(30_000, 31_000)
  })

  it('is made up for by calls that succeed', () => {
    const abuse = new Abuse(reading, { burst: 10, perSecond: 0 })
    for (let count = 0; count < 10_000; count += 1) {
      abuse.count()
      abuse.forgive()
    }
    expect(borne(abuse)).to.equal(10)
  })

  it('of answers ends with a peer that reads none of them', () => {
    const unread = { isFull: true }
    const abuse = new Abuse(unread, strangers)
    for (let count = 0; count < 1_000; count += 1) abuse.countAnswer()
    expect(() => abuse.countAnswer()).to.throw('too many answers that are not read')
  })
})
