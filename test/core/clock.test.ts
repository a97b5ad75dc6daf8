import { expect } from 'chai'
import { neverBack, newClock } from '../../src/core/clock.js'
import { settableTime } from './settable-time.js'

const hourMs = 3_600_000

describe('clock', () => {
  const start = Date.parse('2025-03-01T12:00:00.000Z')

  it('returns the time for both while the system clock runs normally', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    for (const passedMs of [0, 1, hourMs]) {
      time.pass(passedMs)
      expect(clock.forRefusing()).to.deep.equal(new Date(time.wallMs()))
      expect(clock.forRemoving()).to.deep.equal(new Date(time.wallMs()))
    }
  })

  it('refuses by the latest time when the system clock is set back', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    time.pass(hourMs)
    const said = clock.forRefusing()
    time.set(start - hourMs)
    expect(clock.forRefusing()).to.deep.equal(said)
    time.pass(2 * hourMs - 1)
    expect(clock.forRefusing()).to.deep.equal(said)
    time.pass(hourMs)
    expect(clock.forRefusing()).to.deep.equal(new Date(start + 2 * hourMs - 1))
  })

  it('removes by the current time when the system clock is set back', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    time.set(start - hourMs)
    expect(clock.forRemoving()).to.deep.equal(new Date(start - hourMs))
  })

  it('removes by the time since the start when the system clock is set ahead, and refuses by the new time', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    time.pass(1000)
    time.set(start + 24 * hourMs)
    expect(clock.forRemoving()).to.deep.equal(new Date(start + 1000))
    expect(clock.forRefusing()).to.deep.equal(new Date(start + 24 * hourMs))
    time.pass(1000)
    expect(clock.forRemoving()).to.deep.equal(new Date(start + 2000))
  })

  it('never refuses by an earlier time than it removes by', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    time.pass(hourMs)
    for (const setTo of [start + 500, start - hourMs, start + 5, start - 5]) {
      const removing = clock.forRemoving()
      time.set(setTo)
      time.pass(0.4)
      expect(clock.forRefusing().getTime()).to.be.at.least(removing.getTime())
    }
  })

  it('uses the system clock by default', () => {
    const clock = newClock()
    for (const said of [clock.forRefusing(), clock.forRemoving()]) {
      expect(said.getTime()).to.be.closeTo(Date.now(), 1000)
    }
  })

  it('makes a reading that never goes back', () => {
    const time = settableTime(start)
    const reading = neverBack(newClock(time).forRemoving)
    time.set(start - hourMs)
    expect(reading()).to.deep.equal(new Date(start))
    time.pass(2 * hourMs)
    expect(reading()).to.deep.equal(new Date(start + hourMs))
  })
})
