import { mock } from 'node:test'
import { expect } from 'chai'
import { idleTimer } from '../../../src/core/server/idle-timer.js'
import { failure, gate } from '../fake-frontend.js'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

describe('idle timer', () => {
  afterEach(() => mock.timers.reset())

  it('rejects with DEADLINE_EXCEEDED when nothing moves', async () => {
    const startedAt = Date.now()
    const error = await failure(idleTimer(40).passed)
    expect(error).to.include({ reason: 'DEADLINE_EXCEEDED', message: 'nothing moved on the stream for 0.04 s' })
    expect(Date.now() - startedAt).to.be.at.least(39)
  })

  it('waits again after each touch', async () => {
    const { passed, touch, stop } = idleTimer(1_000)
    let idle = false
    passed.catch(() => {
      idle = true
    })
    for (const end = Date.now() + 1_200; Date.now() < end; touch()) await pause(20)
    expect(idle).to.equal(false)
    stop()
  })

  it('never passes once stopped, and a later touch does not start it again', async () => {
    const before = timers()
    const { passed, touch, stop } = idleTimer(20)
    passed.catch(() => expect.fail('it passed'))
    expect(timers()).to.equal(before + 1)
    stop()
    touch()
    expect(timers()).to.equal(before)
    await pause(60)
  })

  it('counts during what it is told of, and not between', async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    const { passed, during, stop } = idleTimer(60)
    let idle = false
    passed.catch(() => {
      idle = true
    })
    for (let at = 0; at < 3; at += 1) {
      const { opened, open } = gate()
      const waiting = during(opened.then(() => at))
      mock.timers.tick(59)
      open()
      expect(await waiting).to.equal(at)
      mock.timers.tick(80)
    }
    await Promise.resolve()
    expect(idle).to.equal(false)
    void during(gate().opened)
    mock.timers.tick(60)
    await Promise.resolve()
    expect(idle).to.equal(true)
    stop()
  })
})
