import { expect } from 'chai'
import { FloodGuard, floodLimits } from '../../../src/core/http2/flood-guard.js'

/** Costly actions until the guard refuses one. */
function allowed(guard: FloodGuard): number {
  for (let count = 0; ; count += 1) {
    try {
      guard.debit()
    } catch (error) {
      expect(error).to.include({ code: 11, message: 'too many cancelled calls or empty frames' })
      return count
    }
  }
}

describe('flood guard', () => {
  const reading = { isFull: false }

  it('allows costly actions up to a burst, services more than the public', () => {
    expect(allowed(new FloodGuard(reading, floodLimits.public))).to.be.within(1_000, 1_010)
    expect(allowed(new FloodGuard(reading, floodLimits.services))).to.be.within(30_000, 31_000)
  })

  it('allows one more for each call that succeeds, up to the burst', () => {
    const guard = new FloodGuard(reading, { burst: 10, perSecond: 0 })
    for (let count = 0; count < 10_000; count += 1) {
      guard.debit()
      guard.credit()
    }
    expect(allowed(guard)).to.equal(10)
  })

  it('refuses replies to a peer that reads none', () => {
    const unread = { isFull: true }
    const guard = new FloodGuard(unread, floodLimits.public)
    for (let count = 0; count < 1_000; count += 1) guard.countReply()
    expect(() => guard.countReply()).to.throw('too many replies that are not read')
  })
})
