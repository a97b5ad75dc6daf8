import { expect } from 'chai'
import { backoffPauses, retryUntilDone } from '../../src/core/backoff.js'

describe('backoff', () => {
  it('doubles each pause up to the longest', () => {
    const pauses = backoffPauses({ firstMs: 3, maxMs: 20 })
    expect(Array.from({ length: 5 }, () => pauses.next().value)).deep.equal([3, 6, 12, 20, 20])
  })

  it('tries until an attempt returns true', async () => {
    let attempts = 0
    const attempt = async () => ++attempts === 3
    await retryUntilDone(attempt, { backoff: { firstMs: 1, maxMs: 1 }, signal: new AbortController().signal })
    expect(attempts).equal(3)
  })

  it('ends a pause when it is aborted, without another attempt', async () => {
    const stopping = new AbortController()
    let attempts = 0
    const attempt = async () => {
      attempts += 1
      return false
    }
    const done = retryUntilDone(attempt, { backoff: { firstMs: 3_600_000, maxMs: 3_600_000 }, signal: stopping.signal })
    stopping.abort()
    await done
    expect(attempts).equal(0)
  })

  it('rejects with what an attempt throws', async () => {
    const backoff = { firstMs: 1, maxMs: 1 }
    const failing = retryUntilDone(() => Promise.reject(new Error('broken')), {
      backoff,
      signal: new AbortController().signal,
    })
    const error = await failing.catch((thrown: Error) => thrown)
    expect(error).property('message', 'broken')
  })
})
