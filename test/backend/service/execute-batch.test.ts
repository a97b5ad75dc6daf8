import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { openLevelStore } from '../../../src/backend/engines/level/store.js'
import { executeBatch } from '../../../src/backend/service/execute-batch.js'
import { backendService } from '../../../src/backend/service/service.js'
import { invalidField, VaultError } from '../../../src/core/errors.js'
import type { CallContext, Methods } from '../../../src/core/methods.js'
import { fromRpcStatus, toRpcStatus } from '../../../src/core/status.js'
import {
  type BackendServiceServer,
  type BatchCall,
  type BatchResult,
  type ExecuteBatchRequest,
  ExecuteBatchResponse,
  type SealedRecord,
} from '../../../src/gen/encserver/v1/backend.js'
import { noParts } from '../no-parts.js'
import { call, rejection, sampleRecord, sampleUser, storeOf, storeTime, tempFolder, until } from '../samples.js'

type Calls = Omit<Methods<BackendServiceServer>, 'executeBatch'>
type Frames = AsyncIterable<ExecuteBatchResponse>

const MiB = 1024 * 1024
const none = Buffer.alloc(0)

/** A back end whose retrieve a test defines. */
function fake(retrieveEnvelope: Calls['retrieveEnvelope'], more: Partial<Calls> = {}): Calls {
  const refuse = () => Promise.reject(new Error('not asked for'))
  return {
    storeEnvelope: refuse,
    deleteEnvelope: refuse,
    listEnvelopes: refuse,
    listEnvelopeVersions: refuse,
    storePart: refuse,
    retrievePart: refuse,
    getStoreInfo: refuse,
    bindKeyring: refuse,
    retrieveEnvelope,
    ...more,
  }
}

const nothing = { record: undefined, user: undefined }

/** A retrieve whose only id is that text. */
function get(index: number, id = '', changes: Partial<BatchCall> = {}): BatchCall {
  const retrieve: BatchCall['call'] = { $case: 'retrieve', value: { recordIds: [Buffer.from(id)], version: 0n } }
  return { index, timeoutMs: 5_000, requestId: `call-${index}`, call: retrieve, ...changes }
}

/** A stream of one message. */
async function* only(calls: BatchCall[]): AsyncGenerator<ExecuteBatchRequest> {
  yield { calls }
}

async function frames(answers: Frames): Promise<BatchResult[][]> {
  const all: BatchResult[][] = []
  for await (const { results } of answers) all.push(results)
  return all
}

async function outcomes(answers: Frames): Promise<Map<number, BatchResult['outcome']>> {
  const results = (await frames(answers)).flat()
  const byIndex = new Map(results.map(({ index, outcome }) => [index, outcome]))
  expect(byIndex.size).to.equal(results.length)
  return byIndex
}

function errorOf(outcome: BatchResult['outcome']): VaultError {
  if (outcome?.$case !== 'error') throw new Error(`not an error but ${outcome?.$case}`)
  return fromRpcStatus(outcome.value)
}

/** A promise for each id, which the test settles. */
function held() {
  const waiting = new Map<string, (record?: SealedRecord) => void>()
  const contexts: CallContext[] = []
  const calls = fake(({ recordIds: [id] }, context) => {
    contexts.push(context)
    return new Promise((resolve) => {
      waiting.set(String(id), (record) => resolve({ record, user: undefined }))
    })
  })
  return { calls, contexts, waiting, finish: (id: string, record?: SealedRecord) => waiting.get(id)!(record) }
}

describe('execute batch', () => {
  describe('over a store', () => {
    it('has each outcome of a unary call', async () => {
      const folder = await tempFolder()
      const store = await openLevelStore({ folder: folder.path })
      const { executeBatch: execute, ...unary } = backendService({ store, parts: noParts, now: () => storeTime })
      const user = sampleUser()
      const [record, other] = [sampleRecord(user), sampleRecord(user)].map((each) => ({
        ...each,
        storeTime: undefined,
      })) as [SealedRecord, SealedRecord]
      const request = storeOf(record, { newUser: user })
      await unary.storeEnvelope(request, call)
      const absent = { condition: { $case: 'absent', value: true } } as const
      const later = { ...record, envelope: sampleRecord(user).envelope }
      const asked: BatchCall['call'][] = [
        { $case: 'store', value: { ...request, record: other } },
        { $case: 'store', value: { ...request, record: sampleRecord({ ...user, userUid: randomBytes(16) }) } },
        { $case: 'store', value: { ...request, record: later, precondition: absent } },
        { $case: 'retrieve', value: { recordIds: [record.recordId], version: 0n } },
        { $case: 'retrieve', value: { recordIds: [randomBytes(72)], version: 0n } },
        { $case: 'delete', value: { recordIds: [randomBytes(72)], expectKeyId: none } },
        { $case: 'store', value: { ...request, keyringId: randomBytes(16) } },
        undefined,
      ]
      const calls = asked.map((each, index) => get(index, '', { call: each }))
      const found = await outcomes(execute(only(calls), call))
      expect(found.get(0)).to.deep.equal({
        $case: 'store',
        value: { result: { $case: 'stored', value: { version: 1n, storeTime } } },
      })
      expect(errorOf(found.get(1))).to.include({ reason: 'INVALID_REQUEST' }) // its store time is set
      expect(errorOf(found.get(2))).to.include({ reason: 'ALREADY_EXISTS', requestId: 'call-2' })
      expect(found.get(3)).to.deep.equal({
        $case: 'retrieve',
        value: await unary.retrieveEnvelope({ recordIds: [record.recordId], version: 0n }, call),
      })
      expect(found.get(4)).to.deep.equal({ $case: 'retrieve', value: nothing })
      expect(found.get(5)).to.deep.equal({ $case: 'delete', value: { deleted: false } })
      expect(errorOf(found.get(6))).to.include({ reason: 'KEYRING_MISMATCH' })
      expect(errorOf(found.get(7)).fields).to.deep.equal([
        { field: 'calls.call', description: 'must be store, retrieve or delete' },
      ])
      expect(found.size).to.equal(8)
      await store.close()
      await folder.remove()
    })
  })

  describe('refuses as a whole', () => {
    for (const [what, calls, description] of [
      ['no call', [], 'must be 1 to 128, not 0'],
      ['more than 128 calls', Array.from({ length: 129 }, (_, at) => get(at)), 'must be 1 to 128, not 129'],
      ['an index used twice', [get(1), get(2), get(1)], 'must be distinct'],
    ] as const) {
      it(what, async () => {
        const { calls: methods, contexts } = held()
        const error = await rejection(frames(executeBatch(methods)(only([...calls]), call)))
        expect(error.reason).to.equal('INVALID_REQUEST')
        expect(error.fields[0]).to.include({ description })
        expect(contexts).to.deep.equal([]) // nothing was begun
      })
    }

    it('but takes 128 calls of any indices', async () => {
      const calls = Array.from({ length: 128 }, (_, at) => get(2 ** 32 - 1 - at))
      expect(await outcomes(executeBatch(fake(async () => nothing))(only(calls), call))).to.have.property('size', 128)
    })
  })

  it('sends results while other calls run; calls that finish together share a message', async () => {
    const { calls, waiting, finish } = held()
    const answers = executeBatch(calls)(only(['slow', 'a', 'b', 'c'].map((id, at) => get(at, id))), call)
    const first = answers.next()
    await until(() => waiting.size === 4)
    finish('b')
    expect((await first).value?.results.map(({ index }: BatchResult) => index)).to.deep.equal([2])
    for (const id of ['c', 'a']) finish(id)
    const second = await answers.next()
    expect(second.value?.results.map(({ index }: BatchResult) => index)).to.deep.equal([3, 1])
    const last = answers.next()
    finish('slow')
    expect((await last).value?.results.map(({ index }: BatchResult) => index)).to.deep.equal([0])
    expect(await answers.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('reads the next message only after all results of the previous one', async () => {
    const { calls, waiting, finish } = held()
    let asked = 0
    async function* requests() {
      for (const ids of [['a', 'b'], ['c']]) {
        asked += 1
        yield { calls: ids.map((id, at) => get(at, id)) }
      }
    }
    const answers = executeBatch(calls)(requests(), call)
    const first = answers.next()
    await until(() => waiting.size === 2)
    finish('a')
    await first
    const second = answers.next()
    finish('b')
    expect((await second).value?.results).to.have.length(1)
    expect([asked, waiting.size]).to.deep.equal([1, 2])
    const third = answers.next()
    await until(() => waiting.size === 3)
    finish('c')
    expect((await third).value?.results.map(({ index }) => index)).to.deep.equal([0])
    expect(await answers.next()).to.deep.equal({ done: true, value: undefined })
  })

  it('gives each call its own id and deadline, and its caller no wrong one', async () => {
    const { calls, contexts, finish, waiting } = held()
    const batch = [get(0, 'a', { timeoutMs: 40 }), get(1, 'b', { requestId: 'not {mine}', timeoutMs: 2 ** 32 - 1 })]
    const now = Date.now()
    const done = outcomes(executeBatch(calls)(only(batch), { ...call, requestId: 'batch' }))
    await until(() => waiting.size === 2)
    expect(contexts.map(({ requestId }) => requestId)).to.deep.equal(['call-0', 'batch'])
    expect(contexts[0]!.deadline).to.be.within(now + 40, Date.now() + 40)
    expect(contexts[1]!.deadline).to.be.within(now + 2 ** 32 - 1, Date.now() + 2 ** 32)
    for (const id of ['a', 'b']) finish(id)
    await done
  })

  it('does not begin a call without time left', async () => {
    const { calls, contexts, waiting, finish } = held()
    const done = outcomes(executeBatch(calls)(only([get(0, 'late', { timeoutMs: 0 }), get(1, 'in time')]), call))
    await until(() => waiting.has('in time'))
    finish('in time')
    expect(errorOf((await done).get(0))).to.include({ reason: 'DEADLINE_EXCEEDED', requestId: 'call-0' })
    expect(contexts).to.have.length(1)
  })

  it('has the errors of a unary call, and reports each', async () => {
    const errors: Record<string, unknown> = {
      field: invalidField('record_ids', 'must be distinct'),
      wait: new VaultError('OVERLOADED', { retryAfterMs: 1_250 }),
      bug: new TypeError('secret detail'),
    }
    const told: [string, string][] = []
    const failed = (error: VaultError, requestId: string) => told.push([error.reason, requestId])
    const methods = fake(({ recordIds: [id] }) => Promise.reject(errors[String(id)]))
    const batch = ['field', 'wait', 'bug'].map((id, at) => get(at, id))
    const found = await outcomes(executeBatch(methods, failed)(only(batch), call))
    for (const [at, id] of ['field', 'wait'].entries()) {
      const status = toRpcStatus(errors[id] as VaultError, `call-${at}`)
      expect(found.get(at)).to.deep.equal({ $case: 'error', value: status })
    }
    expect(errorOf(found.get(2))).to.include({ reason: 'INTERNAL', message: 'internal error' })
    expect(JSON.stringify([...found])).to.not.include('secret')
    expect(told).to.deep.equal([
      ['INVALID_REQUEST', 'call-0'],
      ['OVERLOADED', 'call-1'],
      ['INTERNAL', 'call-2'],
    ])
  })

  it('a method that throws before it returns a promise fails alone', async () => {
    const methods = fake(({ recordIds: [id] }) => {
      if (String(id) === 'bad') throw new TypeError('at once')
      return Promise.resolve(nothing)
    })
    const found = await outcomes(executeBatch(methods)(only([get(0, 'bad'), get(1, 'good')]), call))
    expect(errorOf(found.get(0))).to.include({ reason: 'INTERNAL' })
    expect(found.get(1)).to.include({ $case: 'retrieve' })
  })

  describe('a frame is at most 1 MiB, or one result', () => {
    const bytesOf = (results: BatchResult[]) => ExecuteBatchResponse.encode({ results }).finish().length

    async function framesFor(methods: Calls, batch: BatchCall[]): Promise<BatchResult[][]> {
      const all = await frames(executeBatch(methods)(only(batch), call))
      expect(all.flat()).to.have.length(batch.length)
      for (const results of all) if (results.length > 1) expect(bytesOf(results)).to.be.at.most(MiB)
      return all
    }

    it('of records of all sizes', async () => {
      const sizes = [0, 100, 400_000, 3 * MiB, 600_000, 500_000, 1, 1023 * 1024, 70_000]
      const user = sampleUser()
      const methods = fake(async ({ recordIds: [id] }) => {
        return {
          record: sampleRecord(user, { envelope: Buffer.alloc(Number(id)), entryBox: Buffer.alloc(8192) }),
          user,
        }
      })
      const all = await framesFor(
        methods,
        sizes.map((size, at) => get(at, String(size))),
      )
      const largest = all.find((results) => bytesOf(results) > MiB)
      expect(largest).to.have.length(1)
      expect(all.length).to.be.within(5, 7)
    })

    it('of users with many keys, as a retrieve and each answer of a store may have them', async () => {
      const generations = Array.from({ length: 100 }, (_, at) => ({
        generation: at + 1,
        wrappedKey: Buffer.alloc(3_000),
        userBind: Buffer.alloc(32),
      }))
      const user = sampleUser({ generations })
      const known = { record: sampleRecord(user, { entryBox: Buffer.alloc(8_192) }), user, stored: undefined }
      const answers = [
        { $case: 'currentUser', value: user },
        { $case: 'known', value: known },
      ] as const
      let stores = 0
      const methods = fake(async () => ({ record: undefined, user }), {
        storeEnvelope: async () => ({ result: answers[stores++ % 2] }),
      })
      const batch = Array.from({ length: 16 }, (_, at) => {
        const store = { $case: 'store', value: {} } as BatchCall['call']
        return get(at, '', at % 2 === 0 ? {} : { call: store })
      })
      expect((await framesFor(methods, batch)).length).to.be.within(5, 6)
    })

    it('of many users with many small keys', async () => {
      const generations = Array.from({ length: 100 }, (_, at) => ({
        generation: at + 1,
        wrappedKey: Buffer.alloc(60),
        userBind: Buffer.alloc(32),
      }))
      const user = sampleUser({ generations })
      const methods = fake(async () => ({ record: undefined, user }))
      await framesFor(
        methods,
        Array.from({ length: 128 }, (_, at) => get(at)),
      )
    })

    it('of errors', async () => {
      const message = 'm'.repeat(150)
      const methods = fake(() => Promise.reject(new VaultError('INVALID_REQUEST', { message })))
      const batch = Array.from({ length: 128 }, (_, at) => get(at, '', { requestId: 'r'.repeat(64) }))
      expect(await framesFor(methods, batch)).to.have.length(1)
    })
  })

  describe('before a slow reader', () => {
    const row = (bytes: number) => sampleRecord(sampleUser(), { envelope: Buffer.alloc(bytes) })
    const many = Array.from({ length: 128 }, (_, at) => get(at, `r${at}`))
    const turn = () => new Promise((resolve) => setImmediate(resolve))

    it('reads four rows at once, more while they are small, and four again after a large one', async () => {
      const { calls, waiting, finish } = held()
      const done = outcomes(executeBatch(calls)(only(many), call))
      await turn()
      expect(waiting.size).to.equal(4)
      for (let at = 0; at < 4; at += 1) finish(`r${at}`, row(100))
      await until(() => waiting.size === 12) // eight are under way
      await turn()
      expect(waiting.size).to.equal(12)
      for (let at = 4; at < 12; at += 1) finish(`r${at}`, row(100_000))
      await until(() => waiting.size === 16)
      await turn()
      expect(waiting.size).to.equal(16)
      for (let at = 12; at < 128; at += 1) {
        await until(() => waiting.has(`r${at}`))
        finish(`r${at}`)
      }
      expect(await done).to.have.property('size', 128)
    })

    it('begins no read while 4 MiB of results wait, and goes on when they are sent', async () => {
      const { calls, waiting, finish } = held()
      const answers = executeBatch(calls)(only(many), call)
      const first = answers.next()
      await turn()
      for (let at = 0; at < 4; at += 1) finish(`r${at}`, row(2 * MiB))
      await first
      await turn()
      expect(waiting.size).to.equal(5) // one more began after the first
      await answers.next() // one is sent, and three wait
      await answers.next()
      await turn()
      expect(waiting.size).to.equal(5)
      await answers.next() // one waits
      await until(() => waiting.size === 8)
      const rest = frames(answers)
      for (let at = 4; at < 128; at += 1) {
        await until(() => waiting.has(`r${at}`))
        finish(`r${at}`)
      }
      expect((await rest).flat()).to.have.length(124)
    })

    it('delays no store', async () => {
      const stored = { result: { $case: 'stored' as const, value: { version: 1n, storeTime } } }
      const { calls, waiting } = held()
      const store: BatchCall = get(128, '', { call: { $case: 'store', value: {} } as BatchCall['call'] })
      const answers = executeBatch({ ...calls, storeEnvelope: async () => stored })(
        only([...many.slice(1), store]),
        call,
      )
      const { value } = await answers.next()
      expect(value?.results).to.deep.equal([{ index: 128, outcome: { $case: 'store', value: stored } }])
      expect(waiting.size).to.equal(4)
    })

    it('ends its waiting reads with the stream, unread', async () => {
      const leaving = new AbortController()
      const { calls, contexts, waiting, finish } = held()
      const answers = executeBatch(calls)(only(many), { ...call, signal: leaving.signal })
      const first = answers.next()
      await turn()
      finish('r0')
      await first
      await until(() => waiting.size === 6)
      leaving.abort()
      const end = answers.return(undefined as never)
      for (let at = 1; at < 6; at += 1) finish(`r${at}`)
      await end
      expect(contexts.length).to.equal(6)
    })
  })

  describe('after a cancellation', () => {
    it('its calls see the signal', async () => {
      const { calls, contexts, waiting, finish } = held()
      const leaving = new AbortController()
      const done = frames(executeBatch(calls)(only([get(0, 'a')]), { ...call, signal: leaving.signal }))
      await until(() => waiting.size === 1)
      leaving.abort()
      expect(contexts[0]!.signal.aborted).to.equal(true)
      finish('a')
      await done
    })

    it('calls are not begun', async () => {
      const { calls, contexts } = held()
      const signal = AbortSignal.abort(new VaultError('CANCELLED'))
      const found = await outcomes(executeBatch(calls)(only([get(0)]), { ...call, signal }))
      expect(errorOf(found.get(0))).to.include({ reason: 'CANCELLED' })
      expect(contexts).to.deep.equal([])
    })

    it('ends only after all its calls, which count against its admission', async () => {
      const { calls, waiting, finish } = held()
      const answers = executeBatch(calls)(only([get(0, 'a'), get(1, 'b')]), call)
      const first = answers.next()
      await until(() => waiting.size === 2)
      finish('a')
      await first
      let ended = false
      const end = answers.return(undefined).then(() => {
        ended = true
      })
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(ended).to.equal(false)
      finish('b')
      await end
    })
  })
})
