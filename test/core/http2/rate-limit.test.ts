import { expect } from 'chai'
import { RateLimit, rateLimits } from '../../../src/core/http2/rate-limit.js'

/** Costly actions until the limit refuses one. */
function allowed(limit: RateLimit): number {
  for (let count = 0; ; count += 1) {
    try {
      limit.debit()
    } catch (error) {
      expect(error).to.include({ code: 11, message: 'too many cancelled calls or empty frames' })
      return count
    }
  }
}

describe('rate limit', () => {
  const reading = { isFull: false }

  it('allows costly actions up to a burst, services more than the public', () => {
    expect(allowed(new RateLimit(reading, rateLimits.public))).to.be.within(1_000, 1_010)
    expect(allowed(new RateLimit(reading, rateLimits.services))).to.be.within(30_000, 31_000)
  })

  it('allows one more for each call that succeeds, up to the burst', () => {
    const limit = new RateLimit(reading, { burst: 10, perSecond: 0 })
    for (let count = 0; count < 10_000; count += 1) {
      limit.debit()
      limit.credit()
    }
    expect(allowed(limit)).to.equal(10)
  })

  it('refuses replies to a peer that reads none', () => {
    const unread = { isFull: true }
    const limit = new RateLimit(unread, rateLimits.public)
    for (let count = 0; count < 1_000; count += 1) limit.countReply()
    expect(() => limit.countReply()).to.throw('too many replies that are not read')
  })
})
