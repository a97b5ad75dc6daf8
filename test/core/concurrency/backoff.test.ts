import { expect } from 'chai'
import { backoffMs, jittered, retry, retryUntilDone } from '../../../src/core/concurrency/backoff.js'

const short = { firstMs: 1, maxMs: 1 }
const hour = { firstMs: 3_600_000, maxMs: 3_600_000 }

describe('backoff', () => {
  it('doubles each pause up to the longest', () => {
    const pauses = [1, 2, 3, 4, 5].map((tries) => backoffMs(tries, { firstMs: 3, maxMs: 20 }))
    expect(pauses).deep.equal([3, 6, 12, 20, 20])
  })

  it('jitters between half of a pause and the whole', () => {
    const pauses = Array.from({ length: 200 }, () => jittered(100))
    expect(Math.min(...pauses)).within(50, 60)
    expect(Math.max(...pauses)).within(90, 100)
  })
})

describe('retry', () => {
  it('returns the result of the first attempt that succeeds', async () => {
    const waits: [unknown, number][] = []
    const attempt = async (tries: number) => {
      if (tries < 3) throw new Error(`no ${tries}`)
      return tries
    }
    const waitMs = (error: unknown, tries: number) => {
      waits.push([(error as Error).message, tries])
      return 0
    }
    expect(await retry(attempt, { waitMs })).equal(3)
    expect(waits).deep.equal([
      ['no 1', 1],
      ['no 2', 2],
    ])
  })

  it('rejects with the error of waitMs or of the pause', async () => {
    const attempt = () => Promise.reject(new Error('broken'))
    const giveUp = (error: unknown) => {
      throw error
    }
    const ended = () => Promise.reject(new Error('ended'))
    expect(await retry(attempt, { waitMs: giveUp }).catch((error: Error) => error.message)).equal('broken')
    expect(await retry(attempt, { waitMs: () => 1, pause: ended }).catch((error: Error) => error.message)).equal(
      'ended',
    )
  })
})

describe('retryUntilDone', () => {
  it('tries until an attempt returns true', async () => {
    let attempts = 0
    const attempt = async () => ++attempts === 3
    await retryUntilDone(attempt, { backoff: short, signal: new AbortController().signal })
    expect(attempts).equal(3)
  })

  it('ends a pause when it is aborted, without another attempt', async () => {
    const stopping = new AbortController()
    let attempts = 0
    const attempt = async () => {
      attempts += 1
      return false
    }
    const done = retryUntilDone(attempt, { backoff: hour, signal: stopping.signal })
    stopping.abort()
    await done
    expect(attempts).equal(0)
  })

  it('rejects with the error of an attempt', async () => {
    const failing = retryUntilDone(() => Promise.reject(new Error('broken')), {
      backoff: short,
      signal: new AbortController().signal,
    })
    expect(await failing.catch((error: Error) => error.message)).equal('broken')
  })
})
