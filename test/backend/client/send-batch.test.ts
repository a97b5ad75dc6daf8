import { expect } from 'chai'
import { newCall } from '../../../src/core/client/client.js'
import { type Reason, VaultError } from '../../../src/core/errors.js'
import type { BatchCall } from '../../../src/gen/encserver/v1/backend.js'
import { gate } from '../../core/fake-frontend.js'
import {
  answerAll,
  type Batch,
  clientOf,
  errorResult,
  fakeBackend,
  get,
  getAll,
  pause,
  put,
  remove,
  resultOf,
} from '../fake-backend.js'
import { reasonOf, rejection, sampleRecord, sampleUser, storeOf, until } from '../samples.js'

const neverSent = () => {
  const cause = Object.assign(new Error(), { details: 'No connection established. Last error: x' })
  return new VaultError('UNREACHABLE', { cause })
}

const unsentInTime = () =>
  new VaultError('DEADLINE_EXCEEDED', { cause: { details: 'Deadline exceeded after 1s,Waiting for LB pick' } })

describe('sendBatch', () => {
  describe('a batch that breaks', () => {
    const broken = () => new VaultError('UNREACHABLE', { cause: new Error('connection reset') })
    const breaks = (error: unknown, answered = 0): Batch =>
      async function* (calls) {
        if (answered > 0) yield { results: calls.slice(0, answered).map(resultOf) }
        throw error
      }

    it('has each call without a result retried alone, once', async () => {
      const fake = fakeBackend(breaks(broken(), 2))
      const answers = await getAll(clientOf(fake), 5)
      expect(answers.map(({ record }) => String(record?.recordId))).to.deep.equal(['0', '1', '2', '3', '4'])
      expect(fake.seen.alone).to.deep.equal(['2', '3', '4'])
    })

    it('is one that ends without all results, and one that cannot be sent', async () => {
      const ended = fakeBackend(async function* (calls) {
        yield* answerAll(calls.slice(1))
      })
      await getAll(clientOf(ended), 3)
      expect(ended.seen.alone).to.deep.equal(['0'])
      const unsent = fakeBackend(() => {
        throw new TypeError('cannot be encoded')
      })
      await getAll(clientOf(unsent), 3)
      expect(unsent.seen.alone).to.have.length(3)
      const notBegun = fakeBackend()
      const executeBatch = () => {
        throw new TypeError('no such method')
      }
      await getAll(clientOf({ methods: { ...notBegun.methods, executeBatch } }), 3)
      expect(notBegun.seen.alone).to.have.length(3)
    })

    it('has no call retried whose caller has cancelled', async () => {
      const { opened, open } = gate()
      const fake = fakeBackend(async function* () {
        await opened
        yield* []
        throw broken()
      })
      const client = clientOf(fake)
      const leaving = new AbortController()
      const outcomes = [
        reasonOf(get(client, 'gone', newCall({ signal: leaving.signal }))),
        reasonOf(get(client, 'late', newCall({ timeoutMs: 20 }))),
        get(client, 'stays'),
      ]
      await until(() => fake.seen.batches.length === 1)
      leaving.abort()
      expect(await Promise.all(outcomes.slice(0, 2))).to.deep.equal(['CANCELLED', 'DEADLINE_EXCEEDED'])
      await pause(5) // a timer may be a millisecond ahead of the clock
      open()
      await outcomes[2]
      expect(fake.seen.alone).to.deep.equal(['stays'])
    })

    const bare = (reason: Reason) => new VaultError(reason, { cause: new Error('from the batch') })
    const unknown = ['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'] as const
    // The error of the batch, the error of each retry, the outcome of store and delete, the outcome of a retrieve.
    const cases: [string, VaultError, VaultError, readonly [Reason, Reason], Reason][] = [
      ['both broke', broken(), broken(), unknown, 'UNREACHABLE'],
      ['then the server was gone', broken(), neverSent(), unknown, 'UNREACHABLE'],
      ['then it was too busy', broken(), bare('OVERLOADED'), unknown, 'OVERLOADED'],
      ['then its store was away', broken(), bare('STORE_UNAVAILABLE'), unknown, 'STORE_UNAVAILABLE'],
      ['the batch was a bug', bare('INTERNAL'), neverSent(), unknown, 'UNREACHABLE'],
      ['then nothing was sent in time', broken(), unsentInTime(), unknown, 'DEADLINE_EXCEEDED'],
      ['nothing was ever sent', neverSent(), neverSent(), ['UNREACHABLE', 'UNREACHABLE'], 'UNREACHABLE'],
      ['it knows no batches', bare('NOT_SUPPORTED'), neverSent(), ['UNREACHABLE', 'UNREACHABLE'], 'UNREACHABLE'],
      ['it began none', bare('OVERLOADED'), neverSent(), ['UNREACHABLE', 'UNREACHABLE'], 'UNREACHABLE'],
      [
        'the second answer is sure, of a store',
        broken(),
        bare('PRECONDITION_FAILED'),
        ['PRECONDITION_FAILED', 'OUTCOME_UNKNOWN'],
        'PRECONDITION_FAILED',
      ],
      [
        'nothing was begun before',
        neverSent(),
        bare('PRECONDITION_FAILED'),
        ['PRECONDITION_FAILED', 'PRECONDITION_FAILED'],
        'PRECONDITION_FAILED',
      ],
      [
        'the second answer is sure',
        broken(),
        bare('RECORD_CORRUPT'),
        ['RECORD_CORRUPT', 'RECORD_CORRUPT'],
        'RECORD_CORRUPT',
      ],
    ]
    for (const [what, first, second, writes, read] of cases) {
      it(`rejects writes with ${[...new Set(writes)].join()} when ${what}`, async () => {
        const fake = fakeBackend(breaks(first), () => Promise.reject(second))
        const client = clientOf(fake)
        const reasons = await Promise.all([put(client), remove(client), get(client, 'x')].map((each) => reasonOf(each)))
        expect(reasons).to.deep.equal([...writes, read])
        expect(fake.seen.alone).to.have.length(3)
      })
    }

    it('has stores that may have committed report the age of the prior attempt, and no others', async () => {
      const breaking = (error: VaultError): Batch =>
        async function* () {
          await pause(40)
          yield* []
          throw error
        }
      for (const [error, least, most] of [
        [broken(), 40, 60_000],
        [neverSent(), 0, 0],
        [bare('NOT_SUPPORTED'), 0, 0],
        [new VaultError('OVERLOADED', { retryAfterMs: 1 }), 0, 0],
      ] as const) {
        const fake = fakeBackend(breaking(error))
        const client = clientOf(fake)
        await Promise.all([put(client), put(client)])
        expect(fake.seen.triedMsAgo).to.have.length(2)
        for (const ms of fake.seen.triedMsAgo) expect(ms).to.be.within(least, most)
      }
      const alone = fakeBackend()
      await put(clientOf(alone))
      expect(alone.seen.triedMsAgo).to.deep.equal([0])
    })

    it('has a store with an attempt of its caller report how old that one is by now, sent before or not', async () => {
      const later = async function* () {
        await pause(40)
        yield* []
        throw neverSent()
      }
      const fake = fakeBackend(later)
      const client = clientOf(fake)
      const begun = performance.now()
      await Promise.all(
        [1_000, 2 ** 32 - 1].map((triedMsAgo) =>
          client.storeEnvelope(storeOf(sampleRecord(sampleUser()), { triedMsAgo }), newCall()),
        ),
      )
      const elapsed = Math.ceil(performance.now() - begun) + 2
      const [first, oldest] = fake.seen.triedMsAgo.toSorted((one, other) => one - other)
      expect(first).to.be.within(1_040, 1_000 + elapsed)
      expect(oldest).to.equal(2 ** 32 - 1)
    })

    it('has the retry of a delete that removes nothing fail with OUTCOME_UNKNOWN', async () => {
      for (const [error, outcome] of [
        [broken(), 'OUTCOME_UNKNOWN'],
        [neverSent(), false],
      ] as const) {
        const fake = fakeBackend(breaks(error))
        const client = clientOf({ methods: { ...fake.methods, deleteEnvelope: async () => ({ deleted: false }) } })
        const [deleted] = await Promise.allSettled([remove(client), get(client, 'x')])
        expect(deleted.status === 'fulfilled' ? deleted.value.deleted : deleted.reason.reason).to.equal(outcome)
        const does = clientOf({ methods: { ...fake.methods, deleteEnvelope: async () => ({ deleted: true }) } })
        expect((await Promise.all([remove(does), get(does, 'x')]))[0]).to.deep.equal({ deleted: true })
      }
    })

    it('because the back end has no ExecuteBatch is no error', async () => {
      const fake = fakeBackend(breaks(bare('NOT_SUPPORTED')))
      const client = clientOf(fake)
      await Promise.all([put(client), remove(client), get(client, 'x')])
      expect(fake.seen.alone).to.deep.equal(['store', 'delete', 'x'])
    })
  })

  describe('an overloaded back end', () => {
    const busy = (retryAfterMs: number) => new VaultError('OVERLOADED', { retryAfterMs })

    for (const [what, batch] of Object.entries<(retryAfterMs: number) => Batch>({
      'for a batch': (ms) =>
        async function* () {
          yield* []
          throw busy(ms)
        },
      'for a call': (ms) =>
        async function* (calls) {
          yield { results: calls.map(({ index }) => errorResult(index, busy(ms))) }
        },
    })) {
      it(`${what} gets a retry of each call, not before retryAfterMs`, async () => {
        const fake = fakeBackend(batch(60))
        const startedAt = Date.now()
        await getAll(clientOf(fake), 3)
        expect(Date.now() - startedAt).to.be.at.least(59)
        expect(fake.seen.alone).to.have.length(3)
      })

      it(`${what} gets no retry when the deadline comes first`, async () => {
        const fake = fakeBackend(batch(100_000))
        const startedAt = Date.now()
        const client = clientOf(fake)
        const calls = [1, 2].map(() => reasonOf(put(client, 200, newCall({ timeoutMs: 90_000 }))))
        expect(await Promise.all(calls)).to.deep.equal(['OVERLOADED', 'OVERLOADED'])
        expect(Date.now() - startedAt).to.be.below(30_000)
        expect(fake.seen.alone).to.deep.equal([])
      })
    }
  })

  describe('results', () => {
    it('that come again after their batch are not taken for those of the next', async () => {
      let earlier: BatchCall[] = []
      const fake = fakeBackend(async function* (calls) {
        if (earlier.length > 0)
          yield { results: earlier.map(({ index }) => errorResult(index, new VaultError('INTERNAL'))) }
        earlier = calls
        yield* answerAll(calls)
      })
      const client = clientOf(fake)
      for (let sent = 0; sent < 3; sent += 1) await getAll(client, 3)
      expect(fake.seen).to.deep.include({ streams: 1, alone: [] })
    })

    it('that are errors reject each call with its own', async () => {
      const fake = fakeBackend(async function* (calls) {
        const errors = [new VaultError('RECORD_CORRUPT'), new VaultError('STORE_FULL', { retryAfterMs: 1_500 })]
        yield { results: [...errors.map((error, index) => errorResult(index, error)), resultOf(calls[2]!)] }
      })
      const client = clientOf(fake)
      const [corrupt, full, fine] = [get(client, 'a'), put(client), get(client, 'b')]
      expect(await rejection(corrupt)).to.include({ reason: 'RECORD_CORRUPT', requestId: 'r' })
      expect(await rejection(full)).to.include({ reason: 'STORE_FULL', retryAfterMs: 1_500 })
      expect((await fine).record?.recordId.toString()).to.equal('b')
      expect(fake.seen.alone).to.deep.equal([])
    })

    it('for an unknown call, or a second one for a call, are ignored', async () => {
      const fake = fakeBackend(async function* (calls) {
        yield { results: [{ ...resultOf(calls[0]!), index: 99 }, resultOf(calls[0]!)] }
        yield { results: [errorResult(0, new VaultError('RECORD_CORRUPT')), resultOf(calls[1]!)] }
      })
      const answers = await getAll(clientOf(fake), 2)
      expect(answers.map(({ record }) => String(record?.recordId))).to.deep.equal(['0', '1'])
      expect(fake.seen.alone).to.deep.equal([])
    })

    it('of another kind, or of none, are an internal error', async () => {
      const fake = fakeBackend(async function* () {
        yield { results: [{ index: 0, outcome: { $case: 'delete', value: { deleted: true } } }] }
        yield { results: [{ index: 1, outcome: undefined }] }
      })
      const client = clientOf(fake)
      expect(await Promise.all([get(client, 'a'), put(client)].map((each) => reasonOf(each)))).to.deep.equal([
        'INTERNAL',
        'INTERNAL',
      ])
      expect(fake.seen.alone).to.deep.equal([])
    })
  })
})
