import { expect } from 'chai'
import { rateMeter } from '../../../src/core/server/least-rate.js'

/** A meter of 100 bytes a second over a second, with a clock and a caller of the test's. */
function metered() {
  const state = { now: 0, moved: 0, slow: 0 }
  const meter = rateMeter(
    { bytesPerSecond: 100, windowMs: 1_000 },
    { movedBytes: () => state.moved, tooSlow: () => void state.slow++, now: () => state.now },
  )
  /** Waits for the caller for so long, in which it moves so many bytes. */
  const wait = async (ms: number, bytes: number) => {
    let arrive = (): void => undefined
    const waiting = meter.during(new Promise<void>((resolve) => (arrive = resolve)))
    state.now += ms
    state.moved += bytes
    arrive()
    await waiting
  }
  return { state, wait, meter }
}

describe('least rate', () => {
  it('is kept by a caller that moves enough in each window', async () => {
    const { state, wait } = metered()
    for (let at = 0; at < 20; at += 1) await wait(500, 50)
    expect(state.slow).to.equal(0)
  })

  it('is missed by a caller that trickles, even if no wait is long', async () => {
    const { state, wait } = metered()
    for (let at = 0; at < 9; at += 1) await wait(100, 1)
    expect(state.slow).to.equal(0)
    await wait(100, 1)
    expect(state.slow).to.equal(1)
    for (let at = 0; at < 50; at += 1) await wait(100, 1)
    expect(state.slow).to.equal(1) // once
  })

  it('does not count the time in which nobody waits for the caller', async () => {
    const { state, wait } = metered()
    for (let at = 0; at < 20; at += 1) {
      await wait(1, 1)
      state.now += 60_000 // the store is slow
    }
    expect(state.slow).to.equal(0)
  })

  it('is missed during a wait that does not end', async () => {
    let tooSlow = (): void => undefined
    const slow = new Promise<void>((resolve) => {
      tooSlow = resolve
    })
    const meter = rateMeter({ bytesPerSecond: 100, windowMs: 20 }, { movedBytes: () => 1, tooSlow })
    void meter.during(new Promise(() => undefined))
    await slow
  })

  it('passes on what is awaited, and its failure', async () => {
    const { meter } = metered()
    expect(await meter.during(Promise.resolve('value'))).to.equal('value')
    const thrown = await meter.during(Promise.reject(new Error('mine'))).catch((error: Error) => error)
    expect(thrown).to.have.property('message', 'mine')
  })
})
