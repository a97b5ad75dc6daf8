import { expect } from 'chai'
import { type BatchMethods, BatchStream } from '../../../src/backend/client/batch-stream.js'
import { streamPool } from '../../../src/backend/client/stream-pool.js'
import type { CallSignal } from '../../../src/core/concurrency/call-signal.js'
import { VaultError } from '../../../src/core/errors.js'
import type { BatchCall, BatchResult } from '../../../src/gen/encserver/v1/backend.js'
import { gate } from '../../core/fake-frontend.js'
import { answerAll, fakeBackend, never, pause, resultOf } from '../fake-backend.js'
import { until } from '../samples.js'

const limits = { idleMs: 60_000, maxAgeMs: 60_000 }

function batch(count = 2, timeoutMs = 5_000) {
  const calls = Array.from({ length: count }, (_, index): BatchCall => {
    const value = { recordIds: [Buffer.from(`${index}`)], version: 0n }
    return { index, timeoutMs, requestId: `r-${index}`, call: { $case: 'retrieve', value } }
  })
  const results: BatchResult[] = []
  const accept = (more: BatchResult[]) => results.push(...more) === count
  return { calls, results, timeoutMs, accept }
}

/** A pool over a fake, and how many of its streams were opened and are open. */
function counted(fake: { methods: BatchMethods }, some: Partial<typeof limits> = {}) {
  const seen = { open: 0, begun: 0 }
  const executeBatch: BatchMethods['executeBatch'] = async function* (requests, context) {
    seen.open += 1
    seen.begun += 1
    try {
      yield* fake.methods.executeBatch(requests, context)
    } finally {
      seen.open -= 1
    }
  }
  return { seen, streams: streamPool({ executeBatch }, { ...limits, ...some }) }
}

describe('stream pool', () => {
  it('sends one batch after another on a stream', async () => {
    const fake = fakeBackend()
    const { streams, seen } = counted(fake)
    for (let sent = 1; sent <= 20; sent += 1) {
      const each = batch(sent)
      expect(await streams.exchange(each)).to.equal(undefined)
      expect(each.results.map(({ index }) => index)).to.deep.equal([...each.calls.keys()])
    }
    expect(seen).to.deep.equal({ open: 1, begun: 1 })
    expect(fake.seen.batches.map(({ length }) => length)).to.deep.equal(Array.from({ length: 20 }, (_, at) => at + 1))
  })

  it('opens another stream beside a slow batch', async () => {
    const { opened, open } = gate()
    const fake = fakeBackend(async function* (calls) {
      if (calls.length === 3) await opened
      yield* answerAll(calls)
    })
    const { streams, seen } = counted(fake)
    const slow = streams.exchange(batch(3))
    for (let sent = 0; sent < 3; sent += 1) expect(await streams.exchange(batch(2))).to.equal(undefined)
    expect(seen).to.deep.equal({ open: 2, begun: 2 })
    open()
    expect(await slow).to.equal(undefined)
  })

  it('is ready while a stream is idle and fresh', async () => {
    const { opened, open } = gate()
    const fake = fakeBackend(async function* (calls) {
      if (calls.length === 3) await opened
      yield* answerAll(calls)
    })
    const { streams } = counted(fake, { maxAgeMs: 100 })
    expect(streams.isReady()).to.equal(false)
    await streams.exchange(batch(2))
    expect(streams.isReady()).to.equal(true)
    const slow = streams.exchange(batch(3))
    expect(streams.isReady()).to.equal(false)
    open()
    await slow
    expect(streams.isReady()).to.equal(true)
    await until(() => !streams.isReady()) // old by now
  })

  it('resolves with the error of a broken stream, and does not use it again', async () => {
    const broken = new VaultError('OVERLOADED')
    const fake = fakeBackend(async function* (calls) {
      yield { results: [resultOf(calls[0]!)] }
      if (calls.length === 3) throw broken
      yield* answerAll(calls.slice(1))
    })
    const { streams, seen } = counted(fake)
    await streams.exchange(batch(2))
    const half = batch(3)
    expect(await streams.exchange(half)).to.equal(broken)
    expect(half.results.map(({ index }) => index)).to.deep.equal([0])
    expect(await streams.exchange(batch(2))).to.equal(undefined)
    expect(seen).to.deep.equal({ open: 1, begun: 2 })
  })

  it('does not use a stream again that broke while it was idle', async () => {
    const { opened: told, open: breakIt } = gate()
    let begun = 0
    const executeBatch: BatchMethods['executeBatch'] = async function* (requests) {
      begun += 1
      for await (const { calls } of requests) {
        yield* answerAll(calls)
        if (begun === 1) {
          await told
          throw new VaultError('UNREACHABLE')
        }
      }
    }
    const streams = streamPool({ executeBatch }, limits)
    await streams.exchange(batch())
    breakIt()
    await until(() => !streams.isReady())
    expect(await streams.exchange(batch())).to.equal(undefined)
    expect(begun).to.equal(2)
  })

  it('takes a stream for broken that ends before all results have come', async () => {
    const fake = fakeBackend(async function* (calls) {
      yield* answerAll(calls.slice(1))
    })
    expect(await counted(fake).streams.exchange(batch())).to.include({ reason: 'UNREACHABLE' })
  })

  it('aborts a stream whose batch times out', async () => {
    const fake = fakeBackend(never)
    const { streams } = counted(fake)
    const startedAt = Date.now()
    void streams.exchange(batch(2, 50)) // it is for its connection to end it then
    await until(() => fake.seen.contexts.length === 1)
    const { signal, deadline } = fake.seen.contexts[0]!
    expect(deadline).to.equal(Number.POSITIVE_INFINITY)
    await new Promise<void>((resolve) => signal.addEventListener('abort', resolve))
    expect(Date.now() - startedAt).to.be.at.least(49)
    expect(signal.reason).to.include({ reason: 'DEADLINE_EXCEEDED' })
  })

  it('does not use an aborted stream again, though its results come then', async () => {
    const { opened, open } = gate()
    const fake = fakeBackend(async function* (calls) {
      if (calls.length === 2) await opened
      yield* answerAll(calls)
    })
    const { streams, seen } = counted(fake)
    const late = streams.exchange(batch(2, 20))
    await until(() => fake.seen.contexts[0]?.signal.aborted === true)
    open()
    await late
    expect(await streams.exchange(batch(3))).to.equal(undefined)
    expect(seen.begun).to.equal(2)
  })

  it('aborts a stream that the back end does not end in time', async () => {
    const signals: CallSignal[] = []
    const executeBatch: BatchMethods['executeBatch'] = async function* (requests, { signal }) {
      signals.push(signal)
      for await (const { calls } of requests) yield* answerAll(calls)
      await new Promise(() => undefined)
    }
    const stream = new BatchStream({ executeBatch })
    await stream.exchange(batch())
    stream.end(20)
    await until(() => signals[0]?.aborted === true)
    expect(stream.isClosed).to.equal(true)
  })

  it('uses the idle stream that was used last, so that the others can end', async () => {
    const { opened, open } = gate()
    const fake = fakeBackend(async function* (calls) {
      if (calls.length === 2) await opened
      yield* answerAll(calls)
    })
    const { streams } = counted(fake)
    const first = streams.exchange(batch(2))
    await streams.exchange(batch(3))
    open()
    await first // the stream begun first is used last
    await streams.exchange(batch(4))
    const [one, , last] = fake.seen.contexts
    expect(last?.signal).to.equal(one?.signal)
  })

  it('ends idle streams after idleMs', async () => {
    const { streams, seen } = counted(fakeBackend(), { idleMs: 1_000 })
    for (const end = Date.now() + 1_200; Date.now() < end; ) {
      await streams.exchange(batch())
      await pause(20)
    }
    expect(seen).to.deep.equal({ open: 1, begun: 1 })
    await until(() => seen.open === 0)
    await streams.exchange(batch())
    expect(seen.begun).to.equal(2)
  })

  it('ends old streams, idle ones too', async () => {
    const { streams, seen } = counted(fakeBackend(), { maxAgeMs: 40 })
    await streams.exchange(batch())
    await pause(60)
    await streams.exchange(batch())
    expect(seen.begun).to.equal(2)
    await until(() => seen.open === 1)
  })

  it('ends an old stream only after its batch', async () => {
    const fake = fakeBackend(async function* (calls) {
      await pause(30)
      yield* answerAll(calls)
    })
    const { streams, seen } = counted(fake, { maxAgeMs: 20 })
    for (let sent = 1; sent <= 3; sent += 1) {
      expect(await streams.exchange(batch())).to.equal(undefined)
      expect(seen.begun).to.equal(sent)
    }
    await until(() => seen.open === 0)
  })
})
