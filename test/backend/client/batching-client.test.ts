import { randomBytes } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { batchingClient } from '../../../src/backend/client/batching-client.js'
import { backendClient } from '../../../src/backend/client.js'
import { openLevelStore } from '../../../src/backend/engines/level/store.js'
import { backendService } from '../../../src/backend/service/service.js'
import { newCall } from '../../../src/core/client/client.js'
import { neverSent } from '../../../src/core/client/retry.js'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { ExecuteBatchRequest, type StoreEnvelopeRequest } from '../../../src/gen/encserver/v1/backend.js'
import { tcpServer } from '../../core/broken-connections.js'
import { atEnd, failure, gate, releaseAll } from '../../core/fake-frontend.js'
import {
  answerAll,
  type Backend,
  clientOf,
  errorResult,
  fakeBackend,
  get,
  getAll,
  idOf,
  never,
  pause,
  put,
  remove,
  resultOf,
  serveBackend,
} from '../fake-backend.js'
import { noParts } from '../no-parts.js'
import { reasonOf, rejection, sampleRecord, sampleUser, storeOf, tempFolder, until } from '../samples.js'

const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

describe('batching client', () => {
  afterEach(releaseAll)

  describe('batches', () => {
    it('no call that is alone', async () => {
      const fake = fakeBackend()
      const client = clientOf(fake)
      for (const id of ['a', 'b']) expect((await get(client, id)).record?.recordId.toString()).to.equal(id)
      expect(fake.seen).to.deep.include({ alone: ['a', 'b'], batches: [] })
    })

    it('no single call on a new stream, but uses an open one', async () => {
      const fake = fakeBackend()
      const client = clientOf(fake)
      await getAll(client, 3)
      expect((await get(client, 'later')).record?.recordId.toString()).to.equal('later')
      expect(fake.seen).to.deep.include({ alone: [], streams: 1 })
      expect(fake.seen.batches).to.have.length(2)
    })

    it('no parts: each is a call of its own', async () => {
      const fake = fakeBackend()
      const part = { recordId: randomBytes(72), keyId: randomBytes(16), partNumber: 7 }
      const stored: unknown[] = []
      fake.methods.storePart = async (request) => {
        stored.push(request)
        return {}
      }
      fake.methods.retrievePart = async ({ partNumber }) => ({ data: Buffer.of(partNumber) })
      const client = clientOf(fake)
      const storing = { ...part, partSetId: Buffer.alloc(0), data: randomBytes(100) }
      const [, , , retrieved] = await Promise.all([
        get(client, 'a'),
        get(client, 'b'),
        client.storePart(storing, newCall()),
        client.retrievePart({ ...part, partSetId: Buffer.alloc(0), offset: 0, length: 0 }, newCall()),
      ])
      expect(stored).to.deep.equal([storing])
      expect(retrieved).to.deep.equal({ data: Buffer.of(7) })
      expect(fake.seen.batches.map((calls) => calls.map(idOf))).to.deep.equal([['a', 'b']])
    })

    it('concurrent calls of all three kinds in one message, each with its own answer and id', async () => {
      const fake = fakeBackend(async function* (calls) {
        for (const each of calls.toReversed()) yield { results: [resultOf(each)] }
      })
      const client = clientOf(fake)
      const context = newCall({ requestId: 'mine' })
      const [a, stored, b, deleted] = await Promise.all([
        get(client, 'a', context),
        put(client),
        get(client, 'b'),
        remove(client),
      ])
      expect([a, b].map(({ record }) => record?.recordId.toString())).to.deep.equal(['a', 'b'])
      expect(stored).to.deep.equal({ result: { $case: 'userAbsent', value: {} } })
      expect(deleted).to.deep.equal({ deleted: true })
      expect(fake.seen.alone).to.deep.equal([])
      expect(fake.seen.batches.map((calls) => calls.map(idOf))).to.deep.equal([['a', 'store', 'b', 'delete']])
      expect(fake.seen.batches[0]![0]).to.include({ index: 0, requestId: 'mine' })
    })

    it('no other methods', async () => {
      const fake = fakeBackend()
      expect(await clientOf(fake).getStoreInfo({}, newCall())).to.include({ format: 7 })
    })

    it('at most 128 calls', async () => {
      const fake = fakeBackend()
      await getAll(clientOf(fake), 300)
      expect(fake.seen.batches.map(({ length }) => length)).to.deep.equal([128, 128, 44])
    })

    it('at most 1 MiB, or one larger call', async () => {
      const fake = fakeBackend()
      const client = clientOf(fake)
      await Promise.all([400_000, 400_000, 400_000, 100, 2_000_000, 100, 100].map((bytes) => put(client, bytes)))
      expect(fake.seen.batches.map(({ length }) => length)).to.deep.equal([2, 2, 2])
      expect(fake.seen.alone).to.deep.equal(['store'])
      for (const calls of fake.seen.batches) {
        expect(ExecuteBatchRequest.encode({ calls }).finish().length).to.be.below(1024 * 1024)
      }
    })

    it('all calls that arrive while others are in flight', async () => {
      const { opened, open } = gate()
      const fake = fakeBackend(async function* (calls) {
        await opened
        yield* answerAll(calls)
      })
      const client = clientOf(fake, { maxBatches: 1 })
      const first = getAll(client, 2)
      await until(() => fake.seen.batches.length === 1)
      const later: Promise<unknown>[] = []
      for (let at = 0; at < 10; at += 1) {
        later.push(get(client, `${at}`))
        await pause(1)
      }
      open()
      await Promise.all([first, ...later])
      expect(fake.seen.batches.map(({ length }) => length)).to.deep.equal([2, 10])
    })
  })

  describe('batches in flight', () => {
    /** A back end whose batches answer their first call when its gate opens, and the others never. */
    function slow() {
      const gates: ReturnType<typeof gate>[] = []
      const fake = fakeBackend(async function* (calls) {
        const mine = gate()
        gates.push(mine)
        await mine.opened
        yield { results: [resultOf(calls[0]!)] }
        yield* never()
      })
      const wave = (client: Backend) => void getAll(client, 2).catch(() => undefined)
      return { ...fake, gates, wave }
    }

    it('are bounded, and a batch counts only until its first result', async () => {
      const fake = slow()
      const client = clientOf(fake, { maxBatches: 2 })
      for (const batches of [1, 2, 2, 2]) {
        fake.wave(client)
        await pause(15)
        expect(fake.seen.batches).to.have.length(batches)
      }
      fake.gates[0]!.open()
      await until(() => fake.seen.batches.length === 3)
      expect(fake.seen.batches[2]).to.have.length(4) // all that had waited
    })

    it('do not count a batch any more after firstResultMs', async () => {
      const fake = slow()
      const client = clientOf(fake, { maxBatches: 2, firstResultMs: 40 })
      const startedAt = Date.now()
      for (let waves = 0; waves < 2; waves += 1) {
        fake.wave(client)
        await pause(5)
      }
      fake.wave(client)
      await until(() => fake.seen.batches.length === 3)
      expect(Date.now() - startedAt).to.be.at.least(39)
    })

    it('do not let a call without an answer delay another', async () => {
      const folder = await tempFolder()
      const store = await openLevelStore({ folder: folder.path })
      atEnd(folder.remove)
      atEnd(store.close)
      const { getRecord } = store
      const stuck = randomBytes(72)
      const service = backendService({
        parts: noParts,
        store: {
          ...store,
          getRecord: (id, call) => (id.equals(stuck) ? new Promise(() => undefined) : getRecord(id, call)),
        },
      })
      const client = batchingClient(service)
      const user = sampleUser()
      const records = Array.from({ length: 50 }, () => sampleRecord(user, { storeTime: undefined }))
      const waiting: Promise<unknown>[] = []
      const ends: string[] = []
      const leaving = new AbortController()
      for (let wave = 0; wave < 4; wave += 1) {
        const own = newCall({ signal: leaving.signal, timeoutMs: 120_000 })
        const hung = client.retrieveEnvelope({ recordIds: [stuck], version: 0n }, own)
        waiting.push(rejection(hung).then(({ reason }) => ends.push(reason)))
        const stored = await Promise.all(
          records.map((record) => {
            return client.storeEnvelope(storeOf(record, { newUser: user }), newCall())
          }),
        )
        for (const { result } of stored) expect(result).to.include({ $case: 'stored' })
        expect(ends).to.deep.equal([])
      }
      leaving.abort()
      await Promise.all(waiting)
      expect(ends).to.deep.equal(Array(4).fill('CANCELLED'))
    })
  })

  it('rejects with OVERLOADED while the queue is full, and accepts calls again later', async () => {
    const { opened, open } = gate()
    const fake = fakeBackend(async function* (calls) {
      await opened
      yield* answerAll(calls)
    })
    const client = clientOf(fake, { maxBatches: 1, maxQueuedCalls: 3, maxQueuedBytes: 10_000 })
    const sent = getAll(client, 2)
    await until(() => fake.seen.batches.length === 1)
    const waiting = getAll(client, 3)
    const before = timers()
    const refused = get(client, 'one more') // a rejection, not an exception
    expect(await rejection(refused)).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
    expect(timers()).to.equal(before)
    open()
    await Promise.all([sent, waiting])
    expect((await rejection(put(client, 20_000))).reason).to.equal('OVERLOADED')
    await put(client, 5_000)
  })

  describe('a cancellation', () => {
    it('before the call is sent removes it from the queue', async () => {
      const fake = fakeBackend()
      const client = clientOf(fake)
      const leaving = new AbortController()
      const calls = [get(client, 'a'), get(client, 'gone', newCall({ signal: leaving.signal })), get(client, 'b')]
      leaving.abort('enough')
      expect(await rejection(calls[1]!)).to.include({ reason: 'CANCELLED', cause: 'enough' })
      await Promise.all([calls[0], calls[2]])
      expect(fake.seen.batches.map((batch) => batch.map(idOf))).to.deep.equal([['a', 'b']])
      const { signal } = leaving
      expect(await reasonOf(get(client, 'later', newCall({ signal })))).to.equal('CANCELLED')
      expect(fake.seen.alone).to.deep.equal([])
    })

    it('after the call is sent rejects at once, and does not affect other calls', async () => {
      const { opened, open } = gate()
      const fake = fakeBackend(async function* (calls) {
        await opened
        yield* answerAll(calls)
      })
      const client = clientOf(fake)
      const leaving = new AbortController()
      const gone = get(client, 'gone', newCall({ signal: leaving.signal }))
      const stays = get(client, 'stays')
      await until(() => fake.seen.batches.length === 1)
      leaving.abort(new VaultError('DEADLINE_EXCEEDED'))
      expect(await reasonOf(gone)).to.equal('DEADLINE_EXCEEDED')
      open()
      expect((await stays).record?.recordId.toString()).to.equal('stays')
    })

    it('leaves no listener on a shared signal', async () => {
      const fake = fakeBackend(async function* (calls) {
        yield { results: calls.slice(1).map(resultOf) }
        yield { results: [errorResult(0, new VaultError('RECORD_CORRUPT'))] }
      })
      await pause(1) // mocha's own timer starts after the first wait
      const before = timers()
      const { signal } = new AbortController()
      const client = clientOf(fake)
      const calls = Array.from({ length: 40 }, (_, at) => get(client, `${at}`, newCall({ signal })))
      expect(getEventListeners(signal, 'abort')).to.have.length(40)
      const settled = await Promise.allSettled(calls)
      expect(settled.filter(({ status }) => status === 'rejected')).to.have.length(1)
      expect(getEventListeners(signal, 'abort')).to.deep.equal([])
      await new Promise((resolve) => setImmediate(resolve))
      expect(timers()).to.equal(before)
    })
  })

  describe('a deadline', () => {
    it("is each call's own, even when its batch gets no result", async () => {
      const fake = fakeBackend(never)
      const client = clientOf(fake)
      const startedAt = Date.now()
      const ended: string[] = []
      const long = reasonOf(get(client, 'long', newCall({ timeoutMs: 1_500 }))).finally(() => ended.push('long'))
      const short = reasonOf(get(client, 'short', newCall({ timeoutMs: 100 }))).finally(() => ended.push('short'))
      expect(await short).to.equal('DEADLINE_EXCEEDED')
      expect(Date.now() - startedAt).to.be.at.least(99)
      expect(await long).to.equal('DEADLINE_EXCEEDED')
      expect(Date.now() - startedAt).to.be.at.least(1_499)
      expect(ended).to.deep.equal(['short', 'long'])
    })

    it('ends a queued call, which is then never sent', async () => {
      const { opened, open } = gate()
      const fake = fakeBackend(async function* (calls) {
        await opened
        yield* answerAll(calls)
      })
      const client = clientOf(fake, { maxBatches: 1 })
      const first = getAll(client, 2)
      await until(() => fake.seen.batches.length === 1)
      const late = await rejection(get(client, 'late', newCall({ timeoutMs: 40 })))
      expect([late.reason, neverSent(late)]).to.deep.equal(['DEADLINE_EXCEEDED', true])
      open()
      await first
      await pause(5)
      expect(fake.seen).to.have.property('alone').that.deep.equals([])
    })

    it('of a call alone is reported by its connection, which knows whether the call was sent', async () => {
      const { methods, close } = backendClient({ address: await tcpServer(() => undefined) })
      atEnd(close)
      const unsent = await rejection(put(methods, 200, newCall({ timeoutMs: 150 })))
      expect([unsent.reason, neverSent(unsent)]).to.deep.equal(['DEADLINE_EXCEEDED', true])
      const fake = fakeBackend(never, () => new Promise(() => undefined))
      const silent = await rejection(put(clientOf(fake), 200, newCall({ timeoutMs: 300 })))
      expect([silent.reason, neverSent(silent)]).to.deep.equal(['DEADLINE_EXCEEDED', false])
    })

    it('is sent as the remaining time', async () => {
      const fake = fakeBackend()
      const client = clientOf(fake)
      const timeouts = [50_000, 15_000.5, 200_000]
      await Promise.all(timeouts.map((timeoutMs) => get(client, 'x', newCall({ timeoutMs }))))
      const [calls = []] = fake.seen.batches
      for (const [at, timeoutMs] of timeouts.entries()) {
        expect(calls[at]!.timeoutMs).to.be.within(timeoutMs - 10_000, timeoutMs + 1)
      }
    })

    it('ends no other call of the batch, and the batch outlives the longest one by a second', async () => {
      const fake = fakeBackend(async function* (calls) {
        await pause(60)
        yield* answerAll(calls.slice(1))
        yield* never()
      })
      const client = clientOf(fake)
      const startedAt = Date.now()
      const short = get(client, 'short', newCall({ timeoutMs: 20 }))
      const long = get(client, 'long', newCall({ timeoutMs: 1_000 }))
      expect(await reasonOf(short)).to.equal('DEADLINE_EXCEEDED')
      expect((await long).record?.recordId.toString()).to.equal('long')
      const { signal } = fake.seen.contexts[0]!
      await new Promise<void>((resolve) => signal.addEventListener('abort', resolve))
      expect(Date.now() - startedAt).to.be.within(1_990, 30_000)
    })

    it('may be infinite, or beyond the range of a timer', async () => {
      const fake = fakeBackend(async function* (calls, { signal }) {
        await pause(20)
        signal.throwIfAborted()
        yield* answerAll(calls)
      })
      const client = clientOf(fake)
      const { signal, requestId } = newCall()
      const deadlines = [Number.POSITIVE_INFINITY, Date.now() + 2 ** 40, Date.now() + 60_000]
      await Promise.all(deadlines.map((deadline) => get(client, 'x', { signal, requestId, deadline })))
      expect(fake.seen.batches[0]!.map(({ timeoutMs }) => timeoutMs >= 59_000)).to.deep.equal([true, true, true])
    })
  })

  describe('over gRPC', () => {
    it('64 calls are one message, and all messages of a stream are one line in the log', async () => {
      const folder = await tempFolder()
      const store = await openLevelStore({ folder: folder.path })
      atEnd(folder.remove)
      atEnd(store.close)
      const { methods, events } = await serveBackend(backendService({ store, parts: noParts }))
      const user = sampleUser()
      const requests = Array.from({ length: 64 }, (): StoreEnvelopeRequest => {
        const record = sampleRecord(user, { storeTime: undefined })
        return storeOf(record, { newUser: user })
      })
      const stored = await Promise.all(requests.map((request) => methods.storeEnvelope(request, newCall())))
      expect(stored.map(({ result }) => result?.$case)).to.deep.equal(Array(64).fill('stored'))
      const found = await Promise.all(
        requests.map(({ record }) =>
          methods.retrieveEnvelope({ recordIds: [record!.recordId], version: 0n }, newCall()),
        ),
      )
      for (const [at, { record }] of found.entries()) {
        expect(record?.envelope.equals(requests[at]!.record!.envelope)).to.equal(true)
      }
      await until(() => events.length > 0)
      expect(events).to.have.length(1)
      expect(events[0]).to.include({ method: '/encserver.v1.BackendService/ExecuteBatch', requests: 2, status: 'OK' })
    })

    it('close settles calls in flight, queued calls and later calls', async () => {
      let asked = 0
      const wait = (_: unknown, { signal }: CallContext) => {
        asked += 1
        return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      const { methods, close } = await serveBackend({
        retrieveEnvelope: wait,
        executeBatch: (_, call) => ({
          async *[Symbol.asyncIterator]() {
            yield await wait(_, call)
          },
        }),
      })
      const calls: Promise<unknown>[] = []
      for (let sent = 1; sent <= 2; sent += 1) {
        calls.push(...Array.from({ length: sent }, () => failure(get(methods, 'sent'))))
        await until(() => asked === sent)
      }
      calls.push(...Array.from({ length: 5 }, () => failure(get(methods, 'waits'))))
      close()
      calls.push(failure(get(methods, 'later')))
      for (const error of await Promise.all(calls)) {
        expect(error).to.include({ reason: 'CANCELLED', message: 'this client is closed' })
      }
    })

    it('rejects writes too with UNREACHABLE when the back end never existed', async () => {
      const { methods, close } = backendClient({ address: '127.0.0.1:1' })
      atEnd(close)
      const calls = [put(methods), put(methods), remove(methods), get(methods, 'x')]
      expect(await Promise.all(calls.map((each) => reasonOf(each)))).to.deep.equal(Array(4).fill('UNREACHABLE'))
    })

    it('a call that cannot be encoded fails alone', async () => {
      const { methods } = await serveBackend({})
      const good = [get(methods, 'a'), get(methods, 'b')]
      const record = sampleRecord(sampleUser(), { version: -1n })
      const bad = methods.storeEnvelope(storeOf(record), newCall())
      expect(await reasonOf(bad)).to.equal('INTERNAL')
      expect((await Promise.all(good)).map(({ record }) => String(record?.recordId))).to.deep.equal(['a', 'b'])
    })
  })
})
