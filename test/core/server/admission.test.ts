import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import { admission } from '../../../src/core/server/admission.js'
import { failure, gate } from '../fake-frontend.js'

describe('admission', () => {
  it('runs work up to its limit, and rejects more without starting it', async () => {
    const calls = admission(2)
    const { opened, open } = gate()
    const running = [calls.run(() => opened), calls.run(() => opened)]
    let started = false
    const third = calls.run(async () => {
      started = true
    })
    const error = (await failure(third)) as VaultError
    expect(error).to.include({ reason: 'OVERLOADED', kind: 'exhausted', retryAfterMs: 100 })
    expect(started).to.equal(false)
    open()
    await Promise.all(running)
    expect(await calls.run(async () => 'in')).to.equal('in')
  })

  it('frees the place of work that throws or rejects', async () => {
    const calls = admission(1)
    const broken = new Error('broken')
    for (let round = 0; round < 3; round += 1) {
      expect(await failure(calls.run(() => Promise.reject(broken)))).to.equal(broken)
      expect(
        await failure(
          calls.run(() => {
            throw broken
          }),
        ),
      ).to.equal(broken)
    }
  })

  it('makes room where it can, before it refuses', async () => {
    const held: (() => void)[] = []
    const makeRoom = () => {
      const leave = held.shift()
      leave?.()
      return leave !== undefined
    }
    const calls = admission(1, { makeRoom })
    held.push(calls.enter())
    const second = calls.enter()
    expect(() => calls.enter()).to.throw(VaultError)
    second()
  })

  it('holds the place of entered work until it leaves, and frees it once', async () => {
    const calls = admission(1, { retryAfterMs: 700 })
    const leave = calls.enter()
    expect(() => calls.enter())
      .to.throw(VaultError)
      .that.includes({ reason: 'OVERLOADED', retryAfterMs: 700 })
    leave()
    leave()
    const again = calls.enter()
    expect(() => calls.enter()).to.throw(VaultError)
    again()
    await calls.idle()
  })

  it('resolves all waiters when nothing runs', async () => {
    const calls = admission(2)
    await calls.idle()
    const first = gate()
    const second = gate()
    const running = [calls.run(() => first.opened), calls.run(() => second.opened)]
    let idle = 0
    const waiting = [1, 2].map(() =>
      calls.idle().then(() => {
        idle += 1
      }),
    )
    first.open()
    await running[0]
    await new Promise(setImmediate)
    expect(idle).to.equal(0)
    second.open()
    await Promise.all([...running, ...waiting])
    expect(idle).to.equal(2)
  })
})
