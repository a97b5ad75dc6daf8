import { expect } from 'chai'
import { semaphore } from '../../../src/backend/client/turns.js'
import { until } from '../samples.js'

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

describe('turns', () => {
  let freed = 0
  const some = (count: number, longestMs = 10_000) => semaphore({ count, longestMs }, () => (freed += 1))

  beforeEach(() => {
    freed = 0
  })

  it('are as many as there are', () => {
    const { free, hold } = some(2)
    const first = hold()
    expect(free()).to.equal(true)
    const second = hold()
    expect(free()).to.equal(false)
    first()
    expect(free()).to.equal(true)
    second()
    expect(freed).to.equal(2)
  })

  it('are given back once, however often that is said, and leave no timer', () => {
    const before = timers()
    const { free, hold } = some(1)
    const release = hold()
    release()
    release()
    expect(freed).to.equal(1)
    hold()()
    hold()
    expect(free()).to.equal(false)
    expect(timers()).to.equal(before + 1)
  })

  it('end by themselves after their longest time, and cannot be given back after that', async () => {
    const { free, hold } = some(1, 30)
    const startedAt = Date.now()
    const release = hold()
    await until(free)
    expect(Date.now() - startedAt).to.be.within(25, 1_000)
    release()
    expect(freed).to.equal(1)
  })
})
