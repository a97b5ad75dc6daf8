import { expect } from 'chai'
import { clockSkew } from '../../../src/backend/sweep/clock-skew.js'
import { newClock } from '../../../src/core/clock.js'
import { settableTime } from '../../core/settable-time.js'

const minuteMs = 60_000

describe('clock skew', () => {
  it('is reported once, when the clock was set ahead by ten minutes or more', () => {
    const time = settableTime(Date.parse('2025-03-01T12:00:00Z'))
    const told: number[] = []
    const look = clockSkew(newClock(time), (ms) => told.push(ms))
    look()
    time.set(time.wallMs() + 10 * minuteMs - 1)
    look()
    expect(told).to.deep.equal([])
    time.set(time.wallMs() + 1)
    look()
    time.pass(minuteMs)
    look()
    expect(told).to.deep.equal([10 * minuteMs])
  })
})
