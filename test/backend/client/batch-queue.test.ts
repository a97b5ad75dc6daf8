import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import {
  type BatchedCall,
  type BatchQueue,
  batchQueue,
  type QueuedCall,
} from '../../../src/backend/client/batch-queue.js'
import { BatchCall } from '../../../src/gen/encserver/v1/backend.js'
import { promotedBytes } from '../../promoted.js'
import { call as context, sampleEnvelope, sampleRecord, sampleUser, storeOf } from '../samples.js'

const bounds = { maxBatchCalls: 4, maxBatchBytes: 100_000, maxQueuedCalls: 10, maxQueuedBytes: 300_000 }
const precondition = { condition: { $case: 'keyId', value: randomBytes(16) } } as const

function waiting(call: BatchedCall): QueuedCall {
  return { call, context, resolve: () => undefined, reject: () => undefined }
}

/** A store with an envelope of that size. */
function store(bytes: number, generations = 0): QueuedCall {
  const user = sampleUser()
  const keys = Array.from({ length: generations }, (_, at) => ({
    generation: 0xffff_ff00 + at,
    wrappedKey: randomBytes(8192),
    userBind: randomBytes(32),
  }))
  const newUser = generations === 0 ? undefined : { ...user, generations: keys }
  const record = sampleRecord(user, { envelope: sampleEnvelope(bytes), sizeBytes: 2n ** 63n })
  return waiting({ $case: 'store', value: storeOf(record, { newUser, precondition }) })
}

function retrieve(ids = 1): QueuedCall {
  return waiting({
    $case: 'retrieve',
    value: { recordIds: Array.from({ length: ids }, () => randomBytes(72)), version: 0n },
  })
}

function remove(ids: number): QueuedCall {
  const recordIds = Array.from({ length: ids }, () => randomBytes(72))
  return waiting({ $case: 'delete', value: { recordIds, expectKeyId: randomBytes(16) } })
}

function filled(...calls: QueuedCall[]): BatchQueue {
  const queue = batchQueue(bounds)
  for (const each of calls) queue.add(each)
  return queue
}

function addAll(queue: BatchQueue, calls: QueuedCall[]): () => void {
  return () => {
    for (const each of calls) queue.add(each)
  }
}

const overloaded = { reason: 'OVERLOADED', retryAfterMs: 100 }

/** The error that a function throws. */
function thrownBy(work: () => void): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

describe('batch queue', () => {
  it('gives calls out in their order, a batch at a time', () => {
    const calls = Array.from({ length: 6 }, () => retrieve())
    const queue = filled(...calls)
    expect(queue.isEmpty()).to.equal(false)
    expect(queue.take()).to.deep.equal(calls.slice(0, 4))
    expect(queue.take()).to.deep.equal(calls.slice(4))
    expect(queue.isEmpty()).to.equal(true)
    expect(queue.take()).to.deep.equal([])
  })

  it('ends a batch before the call that would exceed its bytes', () => {
    const calls = [store(40_000), store(40_000), store(40_000), retrieve()]
    const queue = filled(...calls)
    expect(queue.take()).to.deep.equal(calls.slice(0, 2))
    expect(queue.take()).to.deep.equal(calls.slice(2))
  })

  it('gives a call that is larger than a batch out alone', () => {
    const calls = [retrieve(), store(150_000), retrieve()]
    const queue = filled(...calls)
    for (const each of calls) expect(queue.take()).to.deep.equal([each])
  })

  it('refuses calls beyond its maximum number', () => {
    const calls = Array.from({ length: bounds.maxQueuedCalls }, () => retrieve())
    const queue = filled(...calls)
    expect(thrownBy(() => queue.add(retrieve()))).to.include(overloaded)
    queue.take()
    expect(thrownBy(addAll(queue, [retrieve(), retrieve(), retrieve(), retrieve()]))).to.equal(undefined)
    expect(thrownBy(() => queue.add(retrieve()))).to.include(overloaded)
  })

  it('refuses calls beyond its maximum bytes, and accepts them once there is room', () => {
    const first = store(150_000)
    const queue = filled(first, store(140_000))
    expect(thrownBy(() => queue.add(store(20_000)))).to.include(overloaded)
    expect(thrownBy(() => queue.add(store(1_000)))).to.equal(undefined)
    queue.remove(first)
    expect(thrownBy(() => queue.add(store(20_000)))).to.equal(undefined)
  })

  it('removes a call and its bytes, and only once', () => {
    const [first, second] = [store(150_000), store(140_000)]
    const queue = filled(first, second)
    for (let times = 0; times < 3; times += 1) queue.remove(first)
    expect(thrownBy(() => queue.add(store(170_000)))).to.include(overloaded)
    expect(queue.take()).to.deep.equal([second])
    queue.remove(second)
    expect(thrownBy(addAll(queue, [store(140_000), store(150_000)]))).to.equal(undefined)
    expect(thrownBy(() => queue.add(store(20_000)))).to.include(overloaded)
  })

  for (const [what, each] of Object.entries({
    'a small store': store(104),
    'a store with a new user of many keys': store(104, 20),
    'a retrieve under many keys': retrieve(16),
    'a delete under many keys': remove(16),
  })) {
    it(`never underestimates ${what}`, () => {
      const requestId = 'r'.repeat(64)
      const encoded = BatchCall.encode({ index: 127, timeoutMs: 2 ** 32 - 1, requestId, call: each.call }).finish()
      const exact = { ...bounds, maxQueuedBytes: encoded.length + 4 } // its tag and length in the batch
      expect(thrownBy(() => batchQueue(exact).add(each))).to.include(overloaded)
      const ample = { ...bounds, maxQueuedBytes: encoded.length * 1.05 + 600 }
      expect(thrownBy(() => batchQueue(ample).add(each))).to.equal(undefined)
    })
  }

  it('keeps no reference to a call that it gave out', () => {
    expect(promotedBytes('queue')).to.be.below(100)
  })
})
