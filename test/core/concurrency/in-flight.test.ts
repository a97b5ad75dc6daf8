import { expect } from 'chai'
import { inFlight } from '../../../src/core/concurrency/in-flight.js'

describe('inFlight', () => {
  it('counts work until it settles', async () => {
    const calls = inFlight()
    const failing = calls.run(() => Promise.reject(new Error('broken')))
    expect(calls.count).equal(1)
    expect(await failing.catch((error: Error) => error.message)).equal('broken')
    expect(await calls.run(async () => 'done')).equal('done')
    expect(calls.count).equal(0)
  })

  it('ends work once', () => {
    const calls = inFlight()
    const [first] = [calls.enter(), calls.enter()]
    first?.()
    first?.()
    expect(calls.count).equal(1)
  })

  it('is idle at once without work, otherwise when the last work ends', async () => {
    const calls = inFlight()
    await calls.idle()
    const [first, second] = [calls.enter(), calls.enter()]
    let idle = false
    const waiting = calls.idle().then(() => {
      idle = true
    })
    first()
    await new Promise(setImmediate)
    expect(idle).equal(false)
    second()
    await waiting
  })
})
