import { expect } from 'chai'
import { raceDeadline, resolvesWithin } from '../../../src/core/concurrency/deadline.js'

const never = new Promise<never>(() => undefined)
const open = () => new AbortController().signal
const inAnHour = () => Date.now() + 3_600_000
const late = () => new Error('late')
const messageOf = (promise: Promise<unknown>) => promise.catch((error: Error) => error.message)

describe('raceDeadline', () => {
  it('settles as the work does in time', async () => {
    const ending = { deadline: inAnHour(), signal: open() }
    expect(await raceDeadline(Promise.resolve('done'), ending, late)).equal('done')
    expect(await messageOf(raceDeadline(Promise.reject(new Error('broken')), ending, late))).equal('broken')
  })

  it('rejects at the deadline, and at once for a past one', async () => {
    for (const ms of [5, -1e12]) {
      expect(await messageOf(raceDeadline(never, { deadline: Date.now() + ms, signal: open() }, late))).equal('late')
    }
  })

  it('accepts a deadline beyond the longest timer', async () => {
    const ending = { deadline: Number.MAX_SAFE_INTEGER, signal: open() }
    const work = new Promise((resolve) => setTimeout(resolve, 5, 'done'))
    expect(await raceDeadline(work, ending, late)).equal('done')
  })

  it('rejects when the signal aborts, or has aborted', async () => {
    const controller = new AbortController()
    const racing = messageOf(raceDeadline(never, { deadline: inAnHour(), signal: controller.signal }, late))
    controller.abort()
    expect(await racing).equal('late')
    const ending = { deadline: inAnHour(), signal: controller.signal }
    expect(await messageOf(raceDeadline(never, ending, late))).equal('late')
  })

  it('leaves no timer after an abort, though the work goes on', () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const controller = new AbortController()
    const racing = raceDeadline(never, { deadline: inAnHour(), signal: controller.signal }, late)
    racing.catch(() => undefined)
    expect(timers()).equal(before + 1)
    controller.abort()
    expect(timers()).equal(before)
  })
})

describe('resolvesWithin', () => {
  it('resolves with whether the work resolved in time', async () => {
    expect(await resolvesWithin(Promise.resolve('done'), 3_600_000)).equal(true)
    expect(await resolvesWithin(never, 5)).equal(false)
  })

  it('rejects as the work does', async () => {
    expect(await messageOf(resolvesWithin(Promise.reject(new Error('broken')), 3_600_000))).equal('broken')
  })
})
