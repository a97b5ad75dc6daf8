import { expect } from 'chai'
import { VaultError } from '../../../src/core/errors.js'
import type { CallContext } from '../../../src/core/methods.js'
import { limitBytes, type RecordCalls } from '../../../src/frontend/service/limit-calls.js'
import { RetrieveRecordRequest, StoreRecordRequest } from '../../../src/gen/encserver/v1/frontend.js'

const MiB = 1024 * 1024
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Calls that the test answers, in the order in which they begin. */
function held() {
  const begun: ((bytes: number) => void)[] = []
  const begin = <T>(answer: (bytes: number) => T) =>
    new Promise<T>((resolve) => begun.push((bytes) => resolve(answer(bytes))))
  const calls: RecordCalls = {
    storeRecord: () => begin(() => ({ recordKey: '', version: 1n, keyId: Buffer.alloc(0), storeTime: undefined })),
    retrieveRecord: () => begin((bytes) => ({ data: Buffer.alloc(bytes), record: undefined })),
    deleteRecord: async () => ({ deleted: true }),
    listRecords: async () => ({ records: [], nextPageToken: '', unreadableCount: 0 }),
  }
  return { calls: limitBytes(calls), begun }
}

/** A call of a connection, and the callbacks that wait for its answer to be taken. */
function callOf(connection: object, signal = new AbortController().signal) {
  const taken: (() => void)[] = []
  const call = {
    requestId: 'r',
    deadline: Date.now() + 60_000,
    signal,
    connection,
    whenSent: (done: () => void) => void taken.push(done),
  }
  return { call: call satisfies CallContext, taken }
}

describe('limits of calls', () => {
  it('read further records of a connection only when it has taken those that were read', async () => {
    const { calls, begun } = held()
    const { call, taken } = callOf({})
    const request = RetrieveRecordRequest.create({ userId: 'u' })
    for (let at = 0; at < 100; at += 1) void calls.retrieveRecord(request, call)
    await turn()
    expect(begun.length).to.equal(8)
    for (const answer of begun.slice()) answer(3 * MiB)
    await turn()
    const atMost = begun.length // three answers are 9 MiB: a few more began until 16 MiB were reached
    expect(atMost).to.be.within(9, 16)
    for (const answer of begun.slice(8)) answer(3 * MiB)
    await turn()
    expect(begun.length).to.equal(atMost)
    for (const done of taken.splice(0)) done()
    await turn()
    expect(begun.length).to.equal(atMost + 8)
  })

  it('let a connection that takes nothing hold up no other connection', async () => {
    const { calls, begun } = held()
    const request = RetrieveRecordRequest.create({ userId: 'u' })
    const silent = callOf({}).call
    for (let at = 0; at < 20; at += 1) void calls.retrieveRecord(request, silent)
    await turn()
    for (const answer of begun.slice()) answer(3 * MiB)
    await turn()
    const before = begun.length
    const other = calls.retrieveRecord(request, callOf({}).call)
    await turn()
    expect(begun.length).to.equal(before + 1)
    begun.at(-1)!(10)
    expect((await other).data.length).to.equal(10)
  })

  it('work on 32 MiB of stores at once, let 64 MiB wait, and refuse the rest', async () => {
    const { calls, begun } = held()
    const request = StoreRecordRequest.create({ userId: 'u', data: Buffer.alloc(3 * MiB) })
    const outcomes = Array.from({ length: 40 }, () =>
      calls.storeRecord(request, callOf({}).call).then(
        () => 'stored',
        (error: VaultError) => error.reason,
      ),
    )
    for (let turns = 0; turns < 40; turns += 1) await turn()
    expect(begun.length).to.equal(10)
    for (let at = 0; at < 31; at += 1) {
      while (begun[at] === undefined) await turn()
      begun[at]!(0)
    }
    const ended = await Promise.all(outcomes)
    expect(ended.filter((outcome) => outcome === 'stored')).to.have.length(31)
    expect(ended.filter((outcome) => outcome === 'OVERLOADED')).to.have.length(9)
  })

  it('begin no call whose caller has gone while it waited', async () => {
    const { calls, begun } = held()
    const leaving = new AbortController()
    const { call } = callOf({}, leaving.signal)
    const request = RetrieveRecordRequest.create({ userId: 'u' })
    const waiting = Array.from({ length: 9 }, () => calls.retrieveRecord(request, call))
    await turn()
    leaving.abort(new VaultError('CANCELLED'))
    begun[0]!(1)
    expect(await waiting[8]!.catch((error: VaultError) => error.reason)).to.equal('CANCELLED')
    expect(begun.length).to.equal(8)
  })
})
