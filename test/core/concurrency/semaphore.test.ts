import { expect } from 'chai'
import { forEachLimit, semaphore } from '../../../src/core/concurrency/semaphore.js'

/** A promise that the test settles. */
function gate() {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

describe('semaphore', () => {
  it('gives out as many permits as it has', () => {
    const permits = semaphore(2)
    const first = permits.tryAcquire()
    expect(permits.isFree()).equal(true)
    expect(permits.tryAcquire()).a('function')
    expect(permits.isFree()).equal(false)
    expect(permits.tryAcquire()).equal(undefined)
    first?.()
    expect(permits.isFree()).equal(true)
  })

  it('takes a permit back once', () => {
    const permits = semaphore(1)
    const release = permits.tryAcquire()
    release?.()
    permits.tryAcquire()
    release?.()
    expect(permits.isFree()).equal(false)
  })

  it('serves waiters in their order, before others', async () => {
    const permits = semaphore(1)
    const release = permits.tryAcquire()
    const order: number[] = []
    const waiters = [1, 2].map(async (number) => {
      const done = await permits.acquire()
      order.push(number)
      done()
    })
    release?.()
    expect(permits.tryAcquire()).equal(undefined)
    await Promise.all(waiters)
    expect(order).deep.equal([1, 2])
    expect(permits.isFree()).equal(true)
  })

  it('reports a returned permit without a waiter', async () => {
    let freed = 0
    const permits = semaphore(1, () => {
      freed += 1
    })
    const release = permits.tryAcquire()
    const waiter = permits.acquire()
    release?.()
    const second = await waiter
    expect(freed).equal(0)
    second()
    expect(freed).equal(1)
  })

  it('runs work under a permit, and takes it back when the work fails', async () => {
    const permits = semaphore(1)
    const failing = permits.run(() => Promise.reject(new Error('broken')))
    expect(permits.isFree()).equal(false)
    expect(await failing.catch((error: Error) => error.message)).equal('broken')
    expect(await permits.run(async () => 'done')).equal('done')
    expect(permits.isFree()).equal(true)
  })
})

describe('forEachLimit', () => {
  it('runs all items with a limited number at once', async () => {
    const items = Array.from({ length: 20 }, (_, item) => item)
    const done: number[] = []
    let running = 0
    let most = 0
    await forEachLimit(items, 3, async (item) => {
      running += 1
      most = Math.max(most, running)
      await new Promise(setImmediate)
      running -= 1
      done.push(item)
    })
    expect(most).equal(3)
    expect(done.sort((a, b) => a - b)).deep.equal(items)
  })

  it('begins nothing after a failure, and rejects after the running work settles', async () => {
    const begun: number[] = []
    const { open, opened } = gate()
    let settled = false
    const work = async (item: number) => {
      begun.push(item)
      if (item === 1) throw new Error('broken')
      await opened
      settled = true
    }
    const all = forEachLimit([0, 1, 2, 3], 2, work).catch((error: Error) => error.message)
    await new Promise(setImmediate)
    open()
    expect(await all).equal('broken')
    expect(begun).deep.equal([0, 1])
    expect(settled).equal(true)
  })
})
