import { getEventListeners } from 'node:events'
import { constants, createServer as createHttp2Server } from 'node:http2'
import { createServer } from 'node:net'
import { experimental, type ServiceError } from '@grpc/grpc-js'
import { expect } from 'chai'
import { channelOptions } from '../../../src/core/client/channel.js'
import { newCall } from '../../../src/core/client/client.js'
import { msSince, neverSent, type RetryPolicy, withRetry } from '../../../src/core/client/retry.js'
import { type Reason, VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { fromServiceError } from '../../../src/core/status.js'
import { listening, proxyTo, tcpServer } from '../broken-connections.js'
import { atEnd, clientOf, failure, never, rawClient, releaseAll, serveFake, until } from '../fake-frontend.js'

const read: RetryPolicy = { idempotent: true, write: false }
const idempotentWrite: RetryPolicy = { idempotent: true, write: true }
const nonIdempotentWrite: RetryPolicy = { idempotent: false, write: true }

async function deadPort(): Promise<string> {
  const server = createServer()
  const address = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return address
}

/** A server behind a proxy that cuts the connection of each of the first `cuts` calls. */
async function brokenServer(cuts: number, then: () => Promise<object> = async () => ({ deleted: true })) {
  let calls = 0
  let cut = () => {}
  const deleteRecord = async (_: unknown, { signal }: CallContext) => {
    calls += 1
    if (calls > cuts) return then()
    cut()
    return new Promise<void>((resolve) => signal.addEventListener('abort', resolve))
  }
  const { address } = await serveFake({ methods: { deleteRecord } as never })
  const proxy = await proxyTo(address)
  cut = proxy.cut
  return { address: proxy.address, calls: () => calls }
}

function deletion(address: string, policy: RetryPolicy, call = newCall()) {
  return clientOf(address, policy).methods.deleteRecord(
    { userId: 'u', recordName: '', allowMissing: false, expectKeyId: Buffer.alloc(0) },
    call,
  )
}

/** How one attempt fails, by our way to choose among addresses and by gRPC's own. */
async function attemptsAt(address: string, options: { deadlineMs?: number } = {}): Promise<VaultError[]> {
  const callers = [rawClient(address, channelOptions), rawClient(address)]
  const answers = await Promise.all(callers.map((call) => call(options)))
  return answers.map(({ error }) => fromServiceError(error!))
}

function expectNeverSent(errors: VaultError[], reason: Reason = 'UNREACHABLE'): void {
  for (const error of errors) {
    expect(error.reason).to.equal(reason)
    expect(neverSent(error), (error.cause as ServiceError).details).to.equal(true)
  }
}

/** Attempts that fail with these reasons one after another, and then succeed. */
function failing(...errors: (Reason | VaultError)[]) {
  const made: number[] = []
  const attempt = async () => {
    const error = errors[made.length]
    made.push(Date.now())
    if (error !== undefined) throw typeof error === 'string' ? new VaultError(error) : error
    return 'done'
  }
  return { attempt, made }
}

const unsent = () => {
  const cause = Object.assign(new Error(), { details: 'round_robin: No connection established. Last error: x' })
  return new VaultError('UNREACHABLE', { cause })
}

/** Knows no name, and does not say so. */
class HangingResolver implements experimental.Resolver {
  updateResolution() {}
  destroy() {}
  static getDefaultAuthority = () => 'name'
}

describe('retry', () => {
  afterEach(releaseAll)

  describe('neverSent recognises grpc-js errors for', () => {
    it('a port where nobody listens', async () => {
      expectNeverSent(await attemptsAt(await deadPort()))
    })

    it('a name that does not resolve', async () => {
      expectNeverSent(await attemptsAt('dns:///no-such-host.invalid:1'))
    })

    it('a server that closes at once, and one that is not HTTP/2', async () => {
      expectNeverSent(await attemptsAt(await tcpServer((socket) => socket.destroy())))
      expectNeverSent(await attemptsAt(await tcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))))
    })

    it('a deadline that passes before there is a connection', async () => {
      expectNeverSent(await attemptsAt(await tcpServer(() => undefined), { deadlineMs: 150 }), 'DEADLINE_EXCEEDED')
    })

    it('a deadline that passes before the name is resolved', async () => {
      experimental.registerResolver('hanging', HangingResolver)
      expectNeverSent(await attemptsAt('hanging:///name', { deadlineMs: 150 }), 'DEADLINE_EXCEEDED')
    })

    it('a stream that HTTP/2 refuses', async () => {
      const server = createHttp2Server()
      server.on('stream', (stream) => {
        stream.on('error', () => undefined)
        stream.close(constants.NGHTTP2_REFUSED_STREAM)
      })
      server.on('session', (session) => atEnd(() => session.destroy()))
      expectNeverSent(await attemptsAt(await listening(server)))
    })
  })

  it('gives up on a port without a server after the last attempt', async () => {
    expectNeverSent([(await failure(deletion(await deadPort(), never))) as VaultError])
  })

  it('counts a call as sent when the connection breaks after it', async () => {
    const { address } = await brokenServer(1)
    const error = (await failure(deletion(address, never))) as VaultError
    expect(error.reason).to.equal('UNREACHABLE')
    expect(neverSent(error), (error.cause as ServiceError).details).to.equal(false)
  })

  it('counts a call as sent when its deadline passes at a silent server', async () => {
    const { address } = await serveFake({ methods: { retrieveRecord: () => new Promise(() => undefined) } as never })
    for (const error of await attemptsAt(address, { deadlineMs: 800 })) expect(neverSent(error)).to.equal(false)
    const silent = createHttp2Server()
    silent.on('session', (session) => atEnd(() => session.destroy()))
    for (const error of await attemptsAt(await listening(silent), { deadlineMs: 800 })) {
      expect(error.reason).to.equal('DEADLINE_EXCEEDED')
      expect(neverSent(error), (error.cause as ServiceError).details).to.equal(false)
    }
  })

  it('keeps the outcome unknown when a retry is never sent, whatever the time', async () => {
    const late = new VaultError('DEADLINE_EXCEEDED', {
      cause: { details: 'Deadline exceeded after 1s,Waiting for LB pick' },
    })
    expect(neverSent(late)).to.equal(true)
    const lates = Array.from({ length: 5 }, () => late) // however many attempts the time allows
    const { attempt } = failing(new VaultError('UNREACHABLE'), ...lates)
    expect(await failure(withRetry(attempt, idempotentWrite, newCall()))).to.include({ reason: 'OUTCOME_UNKNOWN' })
    expect(await failure(withRetry(failing(...lates).attempt, idempotentWrite, newCall()))).to.equal(late)
  })

  it('counts a call as sent when the server stops during it', async () => {
    let started = false
    const deleteRecord = (_: unknown, { signal }: CallContext) => {
      started = true
      return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const { address, stop } = await serveFake({ methods: { deleteRecord }, limits: { drainMs: 0 } })
    const pending = failure(deletion(address, nonIdempotentWrite))
    await until(() => started)
    await stop()
    expect(await pending).to.include({ reason: 'OUTCOME_UNKNOWN' })
  })

  it('does not trust such texts from a server', () => {
    const words = new VaultError('BACKEND_UNAVAILABLE', { message: 'No connection established' })
    expect(neverSent(words)).to.equal(false)
    expect(neverSent(new VaultError('UNREACHABLE', { message: 'No connection established' }))).to.equal(false)
    expect(
      neverSent(new VaultError('UNREACHABLE', { cause: { details: 'it said: No connection established' } })),
    ).to.equal(false)
  })

  it('counts a call as never sent only if its write failed because the stream was refused', () => {
    const failedWrite = (code: string) => {
      const details = `Write error: Stream closed with error code ${code}`
      return new VaultError('UNREACHABLE', { cause: { details } })
    }
    expect(neverSent(failedWrite('NGHTTP2_REFUSED_STREAM'))).to.equal(true)
    expect(neverSent(failedWrite('NGHTTP2_INTERNAL_ERROR'))).to.equal(false)
  })

  it('retries an idempotent call over a new connection', async () => {
    const { address, calls } = await brokenServer(2)
    expect(await deletion(address, idempotentWrite)).to.eql({ deleted: true })
    expect(calls()).to.equal(3)
  })

  it('retries with the request for a prior attempt, from the first attempt on that may have arrived', async () => {
    const asked: [string, number][] = []
    const begun = Date.now()
    let calls = 0
    let cut = () => {}
    const deleteRecord = async ({ userId }: { userId: string }, { signal }: CallContext) => {
      calls += 1
      asked.push([userId.slice(0, 5), Number(userId.slice(6))])
      if (calls === 1) throw new VaultError('OVERLOADED', { retryAfterMs: 20 })
      if (calls === 4) return { deleted: true }
      cut()
      return new Promise<void>((resolve) => signal.addEventListener('abort', resolve))
    }
    const { address } = await serveFake({ methods: { deleteRecord } as never })
    const proxy = await proxyTo(address)
    cut = proxy.cut
    const requestAfterPriorAttempt = (ms: number) => ({
      userId: `again ${ms}`,
      recordName: '',
      allowMissing: false,
      expectKeyId: Buffer.alloc(0),
    })
    await deletion(proxy.address, { ...idempotentWrite, requestAfterPriorAttempt })
    expect(asked.map(([userId]) => userId)).to.deep.equal(['u', 'u', 'again', 'again'])
    const [third, fourth] = [asked[2]![1], asked[3]![1]]
    expect(third).to.be.within(20, fourth - 1)
    expect(fourth).to.be.at.most(Date.now() - begun + 1)
  })

  it('gives every attempt the age of the call when its caller has made a prior attempt', async () => {
    const told: number[] = []
    const begun = performance.now()
    const attempt = async (priorAttemptMsAgo: number) => {
      told.push(priorAttemptMsAgo)
      expect(priorAttemptMsAgo).to.be.within(1, performance.now() - begun + 1)
      if (told.length < 3) throw unsent()
    }
    await withRetry(attempt, { ...idempotentWrite, hasPriorAttempt: true }, newCall())
    expect(told[1]! - told[0]!).to.be.at.least(24)
    expect(told[2]! - told[1]!).to.be.at.least(49)
    const unknown = withRetry(
      failing(unsent()).attempt,
      { ...idempotentWrite, hasPriorAttempt: true },
      newCall({ timeoutMs: 10 }),
    )
    expect(await failure(unknown)).to.include({ reason: 'OUTCOME_UNKNOWN' })
  })

  it('rounds milliseconds up', () => {
    for (const before of [0, 0.5, 10]) expect(msSince(performance.now() - before)).to.be.above(before)
  })

  it('does not retry a write that is not idempotent and may have arrived: OUTCOME_UNKNOWN', async () => {
    const { address, calls } = await brokenServer(1)
    const error = (await failure(deletion(address, nonIdempotentWrite, newCall({ requestId: 'mine' })))) as VaultError
    expect(error).to.include({ reason: 'OUTCOME_UNKNOWN', kind: 'unavailable', requestId: 'mine' })
    expect(calls()).to.equal(1)
  })

  it('fails with OUTCOME_UNKNOWN when no retry of an idempotent write gets through', async () => {
    const { address, calls } = await brokenServer(99)
    expect(await failure(deletion(address, idempotentWrite))).to.include({ reason: 'OUTCOME_UNKNOWN' })
    expect(calls()).to.equal(5)
  })

  it('fails with UNREACHABLE when a read never gets through', async () => {
    const { address } = await brokenServer(99)
    expect(await failure(deletion(address, read))).to.include({ reason: 'UNREACHABLE' })
  })

  for (const reason of ['OVERLOADED', 'STORE_FULL', 'STORE_UNAVAILABLE'] as const) {
    it(`fails with OUTCOME_UNKNOWN when the retry meets ${reason}`, async () => {
      const { address } = await brokenServer(1, () => Promise.reject(new VaultError(reason)))
      expect(await failure(deletion(address, idempotentWrite, newCall({ timeoutMs: 60_000 })))).to.include({
        reason: 'OUTCOME_UNKNOWN',
      })
    })
  }

  it('knows the outcome when the retry gets a final answer', async () => {
    const { address } = await brokenServer(1, () => Promise.reject(new VaultError('RECORD_NOT_FOUND')))
    expect(await failure(deletion(address, idempotentWrite))).to.include({ reason: 'RECORD_NOT_FOUND' })
  })

  it('retries a write that is not idempotent if it was never sent', async () => {
    const { attempt, made } = failing(unsent(), unsent())
    expect(await withRetry(attempt, nonIdempotentWrite, newCall())).to.equal('done')
    expect(made).to.have.length(3)
  })

  it('does not claim an unknown outcome for a write that was never sent', async () => {
    expect(await failure(deletion(await deadPort(), nonIdempotentWrite))).to.include({ reason: 'UNREACHABLE' })
  })

  it('retries after OVERLOADED, not before the requested wait', async () => {
    const { attempt, made } = failing(new VaultError('OVERLOADED', { retryAfterMs: 120 }))
    expect(await withRetry(attempt, nonIdempotentWrite, newCall())).to.equal('done')
    expect(made[1]! - made[0]!).to.be.at.least(120)
  })

  it('retries against a real server at its limit', async () => {
    let calls = 0
    const deleteRecord = async () => {
      calls += 1
      if (calls < 3) throw new VaultError('OVERLOADED', { retryAfterMs: 10 })
      return { deleted: true }
    }
    const { address } = await serveFake({ methods: { deleteRecord } })
    expect(await deletion(address, nonIdempotentWrite)).to.eql({ deleted: true })
    expect(calls).to.equal(3)
  })

  it('makes at most five attempts, with growing pauses', async () => {
    const { attempt, made } = failing(...Array(9).fill('UNREACHABLE'))
    expect(await failure(withRetry(attempt, read, newCall()))).to.include({ reason: 'UNREACHABLE' })
    expect(made).to.have.length(5)
    expect(made[4]! - made[0]!).to.be.at.least(370)
  })

  for (const reason of [
    'INVALID_REQUEST',
    'RECORD_NOT_FOUND',
    'STORE_FULL',
    'BACKEND_UNAVAILABLE',
    'OUTCOME_UNKNOWN',
    'DEADLINE_EXCEEDED',
    'INTERNAL',
    'CANCELLED',
  ] as const) {
    it(`does not retry after ${reason}`, async () => {
      const { attempt, made } = failing(reason)
      expect(await failure(withRetry(attempt, idempotentWrite, newCall()))).to.include({ reason })
      expect(made).to.have.length(1)
    })
  }

  it('does not wait beyond the deadline', async () => {
    const { attempt, made } = failing(new VaultError('OVERLOADED', { retryAfterMs: 60_000 }))
    const startedAt = Date.now()
    expect(await failure(withRetry(attempt, read, newCall({ timeoutMs: 55_000 })))).to.include({ reason: 'OVERLOADED' })
    expect(Date.now() - startedAt).to.be.below(30_000)
    expect(made).to.have.length(1)
  })

  it('stops waiting when the caller cancels, and leaves no listener', async () => {
    const { attempt, made } = failing(new VaultError('OVERLOADED', { retryAfterMs: 60_000 }))
    const controller = new AbortController()
    const startedAt = Date.now()
    const pending = failure(withRetry(attempt, read, newCall({ signal: controller.signal, timeoutMs: 120_000 })))
    setTimeout(() => controller.abort(), 20)
    const error = await pending
    expect(error).to.be.instanceOf(VaultError).and.include({ reason: 'CANCELLED' })
    expect(Date.now() - startedAt).to.be.below(30_000)
    expect(made).to.have.length(1)
    const quiet = new AbortController().signal
    await withRetry(failing('OVERLOADED').attempt, read, newCall({ signal: quiet }))
    expect(getEventListeners(quiet, 'abort')).to.have.length(0)
  })

  it('converts any other error, which is a bug, to a VaultError', async () => {
    const bug = new TypeError('bug')
    const error = await failure(withRetry(() => Promise.reject(bug), read, newCall()))
    expect(error).to.include({ reason: 'INTERNAL', cause: bug })
  })

  it('delivers every call while connections reach their age', async () => {
    let arrived = 0
    const deleteRecord = async () => {
      arrived += 1
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10))
      return { deleted: true }
    }
    const { address } = await serveFake({
      methods: { deleteRecord },
      limits: { maxConnectionAgeMs: 120, maxCallsInFlight: 100 },
    })
    const { methods } = clientOf(address, nonIdempotentWrite)
    const end = Date.now() + 1_500
    let made = 0
    const repeat = async () => {
      while (Date.now() < end || made <= 100) {
        await methods.deleteRecord(
          { userId: 'u', recordName: '', allowMissing: false, expectKeyId: Buffer.alloc(0) },
          newCall(),
        )
        made += 1
      }
    }
    await Promise.all(Array.from({ length: 32 }, repeat))
    expect(arrived).to.equal(made)
  })
})
