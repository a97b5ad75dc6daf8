import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { type Reason, VaultError } from '../../../src/core/errors.js'
import { type RetryLimits, retryTransient } from '../../../src/frontend/upstream/retry.js'
import { reasonOf } from '../refusal.js'

const brief: RetryLimits = { tryMs: 1_000, totalMs: 200, pauseMs: 10, settleMs: 100 }

/** Fails with these reasons in turn, and then succeeds or keeps failing with the last one. */
function failing(reasons: Reason[], then: 'succeeds' | 'goes on' = 'succeeds') {
  let made = 0
  const attempt = async () => {
    made += 1
    const reason = reasons[then === 'goes on' ? Math.min(made, reasons.length) - 1 : made - 1]
    if (reason) throw new VaultError(reason)
    return 'done'
  }
  return { attempt, made: () => made }
}

describe('retryTransient', () => {
  it('repeats a call after transient errors', async () => {
    const { attempt, made } = failing(['BACKEND_UNAVAILABLE', 'OVERLOADED', 'STORE_UNAVAILABLE', 'OUTCOME_UNKNOWN'])
    expect(await retryTransient(attempt, newCall(), { ...brief, totalMs: 30_000 })).to.equal('done')
    expect(made()).to.equal(5)
  })

  it('rejects with any other error at once', async () => {
    for (const reason of [
      'STORE_FULL',
      'STORE_REFUSED',
      'INVALID_REQUEST',
      'PARTS_MISSING',
      'RECORD_CORRUPT',
      'INTERNAL',
    ] as const) {
      const { attempt, made } = failing([reason])
      expect(await reasonOf(retryTransient(attempt, newCall(), brief))).to.equal(reason)
      expect(made()).to.equal(1)
    }
    const bug = new TypeError('mine')
    const thrown = await retryTransient(() => Promise.reject(bug), newCall(), brief).catch((error: unknown) => error)
    expect(thrown).to.equal(bug)
  })

  it('rejects with the last error when time is up', async () => {
    const { attempt, made } = failing(['BACKEND_UNAVAILABLE'], 'goes on')
    const startedAt = Date.now()
    const longer = { ...brief, totalMs: 1_000 }
    expect(await reasonOf(retryTransient(attempt, newCall(), longer))).to.equal('BACKEND_UNAVAILABLE')
    expect(Date.now() - startedAt).to.be.at.least(900)
    expect(made()).to.be.above(3)
  })

  it('does not outlive the call', async () => {
    const { attempt } = failing(['BACKEND_UNAVAILABLE'], 'goes on')
    const startedAt = Date.now()
    await reasonOf(retryTransient(attempt, newCall({ timeoutMs: 60 }), { ...brief, totalMs: 60_000 }))
    expect(Date.now() - startedAt).to.be.below(30_000)
    const leaving = new AbortController()
    const slow = { ...brief, pauseMs: 10_000, totalMs: 60_000 }
    const ended = reasonOf(retryTransient(attempt, newCall({ signal: leaving.signal }), slow))
    setTimeout(() => leaving.abort(), 20)
    expect(await ended).to.equal('CANCELLED')
  })

  it('gives each try its own deadline, within the call', async () => {
    const deadlines: number[] = []
    const attempt = async ({ deadline }: { deadline: number }) => void deadlines.push(deadline)
    const call = newCall({ timeoutMs: 60_000 })
    const longer = { ...brief, totalMs: 5_000 }
    const before = Date.now()
    await retryTransient(attempt, call, longer)
    expect(deadlines[0]).to.be.within(before + 1_000, Date.now() + 1_000)
    const shorter = newCall({ timeoutMs: 500 })
    await retryTransient(attempt, shorter, longer)
    expect(deadlines[1]).to.equal(shorter.deadline)
  })

  it('ends in time, even in the middle of an attempt', async () => {
    const deadlines: number[] = []
    const slow = ({ deadline }: { deadline: number }) =>
      new Promise<never>((_, reject) => {
        deadlines.push(deadline)
        setTimeout(() => reject(new VaultError('DEADLINE_EXCEEDED')), deadline - Date.now())
      })
    const ended = reasonOf(retryTransient(slow, newCall(), { ...brief, tryMs: 700, totalMs: 1_000 }))
    const end = Date.now() + 1_000
    expect(await ended).to.equal('DEADLINE_EXCEEDED')
    expect(deadlines).to.have.length(2)
    expect(deadlines[1]).to.be.within(deadlines[0]! + 1, end)
  })
})
