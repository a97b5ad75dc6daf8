import { expect } from 'chai'
import { idleTimer } from '../../../src/core/concurrency/idle-timer.js'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

describe('idle timer', () => {
  /** A timer and a promise of its expiry. */
  function started(ms: number) {
    let expiries = 0
    let expire = () => {}
    const expiry = new Promise<void>((resolve) => {
      expire = resolve
    })
    const timer = idleTimer(ms, () => {
      expiries += 1
      expire()
    })
    timer.start()
    return { timer, expiry, expiries: () => expiries }
  }

  it('expires once when nothing happens, and cannot be started again', async () => {
    await pause(1) // mocha's own timer starts after the first wait
    const startedAt = performance.now()
    const { timer, expiry, expiries } = started(40)
    await expiry
    expect(performance.now() - startedAt).to.be.at.least(38)
    const before = timers()
    timer.start()
    expect(timers()).to.equal(before)
    expect(expiries()).to.equal(1)
  })

  it('restarts at each touch', async () => {
    const { timer, expiries } = started(250)
    for (let at = 0; at < 10; at += 1) {
      await pause(40)
      timer.touch()
    }
    expect(expiries()).to.equal(0)
    timer.stop()
  })

  it('leaves no timer when it is paused or stopped, even after a touch', () => {
    const before = timers()
    const { timer } = started(20)
    expect(timers()).to.equal(before + 1)
    timer.pause()
    timer.touch()
    expect(timers()).to.equal(before)
    timer.start()
    expect(timers()).to.equal(before + 1)
    timer.stop()
    timer.start()
    timer.touch()
    expect(timers()).to.equal(before)
  })

  it('runs only while the promise of `during` is pending', async () => {
    const { timer, expiry, expiries } = started(60)
    for (let at = 0; at < 3; at += 1) {
      expect(await timer.during(Promise.resolve(at))).to.equal(at)
      await pause(80)
    }
    expect(expiries()).to.equal(0)
    const never = timer.during(new Promise(() => undefined))
    await Promise.race([expiry, never])
    expect(expiries()).to.equal(1)
  })
})
