import { expect } from 'chai'
import { neverBack, newClock } from '../../src/core/clock.js'
import { settableTime } from './settable-time.js'

const hourMs = 3_600_000

describe('clock', () => {
  const start = Date.parse('2025-03-01T12:00:00.000Z')

  it('says the time, for both, as long as the clock runs as it should', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    for (const passedMs of [0, 1, hourMs]) {
      time.pass(passedMs)
      expect(clock.forRefusing()).to.deep.equal(new Date(time.wallMs()))
      expect(clock.forRemoving()).to.deep.equal(new Date(time.wallMs()))
    }
  })

  it('refuses by the latest time it has said when the clock is set back', () => {
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

  it('removes by the time that is now when the clock is set back', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    time.set(start - hourMs)
    expect(clock.forRemoving()).to.deep.equal(new Date(start - hourMs))
  })

  it('removes by what has passed since the start when the clock is set ahead, and refuses by the new time', () => {
    const time = settableTime(start)
    const clock = newClock(time)
    time.pass(1000)
    time.set(start + 24 * hourMs)
    expect(clock.forRemoving()).to.deep.equal(new Date(start + 1000))
    expect(clock.forRefusing()).to.deep.equal(new Date(start + 24 * hourMs))
    time.pass(1000)
    expect(clock.forRemoving()).to.deep.equal(new Date(start + 2000))
  })

  it('never refuses by an earlier time than it has removed by', () => {
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

  it('takes the time of the system when none is given', () => {
    const clock = newClock()
    for (const said of [clock.forRefusing(), clock.forRemoving()]) {
      expect(said.getTime()).to.be.closeTo(Date.now(), 1000)
    }
  })

  it('does not go back when it must not', () => {
    const time = settableTime(start)
    const reading = neverBack(newClock(time).forRemoving)
    time.set(start - hourMs)
    expect(reading()).to.deep.equal(new Date(start))
    time.pass(2 * hourMs)
    expect(reading()).to.deep.equal(new Date(start + hourMs))
  })
})
