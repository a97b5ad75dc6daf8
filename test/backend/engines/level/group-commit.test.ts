import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import {
  type Change,
  type CommitLimits,
  defaultLimits,
  groupCommit,
  type Write,
} from '../../../../src/backend/engines/level/group-commit.js'
import { VaultError } from '../../../../src/core/errors.js'
import { call, reasonOf, rejection, until } from '../../samples.js'

/** A database in memory whose syncs end when the test says so. */
function slowEngine() {
  const rows = new Map<string, string>()
  const batches: Change<string>[][] = []
  const reads: number[] = []
  const syncs: { end: () => void; fail: (error: Error) => void }[] = []
  const hex = (key: Buffer) => key.toString('hex')
  return {
    batches,
    reads,
    syncs,
    async read(keys: Buffer[]) {
      reads.push(keys.length)
      return keys.map((key) => rows.get(hex(key)))
    },
    async write(changes: Change<string>[]) {
      batches.push(changes)
      await new Promise<void>((end, fail) => syncs.push({ end, fail }))
      for (const { key, value } of changes) {
        if (value === undefined) rows.delete(hex(key))
        else rows.set(hex(key), value)
      }
    },
    /** Ends the sync of that batch once it is in progress. */
    async sync(batch: number) {
      await until(() => syncs.length > batch)
      syncs[batch]?.end()
    },
  }
}

function set(value: string, changes: Partial<Write<string, string>> = {}): Write<string, string> {
  return { key: randomBytes(8), bytes: 10, decide: () => ({ change: { value }, answer: value }), call, ...changes }
}

/** Appends to what is there. */
function append(text: string, key: Buffer): Write<string, string> {
  const decide = (current = '') => ({ change: { value: current + text }, answer: current + text })
  return set(text, { key, decide })
}

describe('groupCommit', () => {
  let engine: ReturnType<typeof slowEngine>

  beforeEach(() => {
    engine = slowEngine()
  })

  function commits(limits: Partial<CommitLimits> = {}) {
    return groupCommit<string>(engine, { ...defaultLimits, ...limits })
  }

  async function settled(promise: Promise<unknown>): Promise<boolean> {
    const waiting = Symbol('waiting')
    const pause = new Promise((resolve) => setTimeout(resolve, 20, waiting))
    return (await Promise.race([promise.catch(() => undefined), pause])) !== waiting
  }

  it('answers nothing before the sync', async () => {
    const { submit } = commits()
    const key = randomBytes(8)
    const written = submit(set('a', { key }))
    const unchanged = submit(set('b', { key, decide: (current) => ({ answer: `saw ${current}` }) }))
    const refused = submit(
      set('c', {
        key,
        decide: () => {
          throw new VaultError('ALREADY_EXISTS')
        },
      }),
    )
    await until(() => engine.batches.length === 1)
    for (const answer of [written, unchanged, refused]) expect(await settled(answer)).to.equal(false)
    await engine.sync(0)
    expect(await written).to.equal('a')
    expect(await unchanged).to.equal('saw a')
    expect(await reasonOf(refused)).to.equal('ALREADY_EXISTS')
  })

  it('has one batch in flight, and puts the writes that wait into the next', async () => {
    const { submit } = commits()
    const first = submit(set('first'))
    await until(() => engine.batches.length === 1)
    const others = Array.from({ length: 100 }, (_, at) => submit(set(`other ${at}`)))
    expect(await settled(Promise.all(others))).to.equal(false)
    expect(engine.batches).to.have.length(1)
    await engine.sync(0)
    await engine.sync(1)
    expect(await first).to.equal('first')
    expect(await Promise.all(others)).to.have.length(100)
    expect(engine.batches.map((batch) => batch.length)).to.deep.equal([1, 100])
    expect(engine.reads).to.deep.equal([1, 100])
  })

  it('decides on the rows that earlier writes of the batch leave, and stores the last value', async () => {
    const { submit } = commits()
    const key = randomBytes(8)
    const answers = ['a', 'b', 'c'].map((text) => submit(append(text, key)))
    await engine.sync(0)
    expect(await Promise.all(answers)).to.deep.equal(['a', 'ab', 'abc'])
    expect(engine.batches).to.deep.equal([[{ key, value: 'abc', changed: true }]])
  })

  it('decides on the rows that earlier batches left', async () => {
    const { submit } = commits()
    const key = randomBytes(8)
    const first = submit(append('a', key))
    await until(() => engine.batches.length === 1)
    const second = submit(append('b', key))
    await engine.sync(0)
    await engine.sync(1)
    expect([await first, await second]).to.deep.equal(['a', 'ab'])
  })

  it('deletes, and sees the deletion in the same batch', async () => {
    const { submit } = commits()
    const key = randomBytes(8)
    const answers = [
      submit(append('a', key)),
      submit<string>(set('', { key, decide: () => ({ change: { value: undefined }, answer: 'gone' }) })),
      submit(append('b', key)),
    ]
    await engine.sync(0)
    expect(await Promise.all(answers)).to.deep.equal(['a', 'gone', 'b'])
  })

  it('syncs nothing when nothing changes', async () => {
    const { submit } = commits()
    expect(await submit(set('a', { decide: () => ({ answer: 'unchanged' }) }))).to.equal('unchanged')
    expect(engine.batches).to.deep.equal([])
  })

  it('fails the writes of a batch that fails, and goes on with the next', async () => {
    const { submit } = commits()
    const lost = [submit(set('a')), submit(set('b'))]
    await until(() => engine.syncs.length === 1)
    const later = submit(set('c'))
    engine.syncs[0]?.fail(new VaultError('STORE_FULL'))
    for (const write of lost) expect(await reasonOf(write)).to.equal('STORE_FULL')
    await engine.sync(1)
    expect(await later).to.equal('c')
  })

  it('fails the writes of a batch whose rows cannot be read', async () => {
    const broken = { ...engine, read: () => Promise.reject(new VaultError('STORE_UNAVAILABLE')) }
    expect(await reasonOf(groupCommit<string>(broken).submit(set('a')))).to.equal('STORE_UNAVAILABLE')
  })

  it('limits the writes of a batch', async () => {
    const { submit } = commits()
    const answers = Array.from({ length: 2500 }, (_, at) => submit(set(`${at}`)))
    for (const batch of [0, 1, 2]) await engine.sync(batch)
    await Promise.all(answers)
    expect(engine.batches.map((batch) => batch.length)).to.deep.equal([1024, 1024, 452])
  })

  it('limits the bytes of a batch, but takes one larger write alone', async () => {
    const { submit } = commits({ batchBytes: 100 })
    const answers = [60, 40, 1, 500, 100].map((bytes) => submit(set(`${bytes}`, { bytes })))
    for (const batch of [0, 1, 2, 3]) await engine.sync(batch)
    await Promise.all(answers)
    const values = engine.batches.map((batch) => batch.map(({ value }) => value))
    expect(values).to.deep.equal([['60', '40'], ['1'], ['500'], ['100']])
  })

  it('refuses a write at once when the queue is full, with a time to wait', async () => {
    const { submit } = commits()
    const waiting = Array.from({ length: 4096 }, () => submit(set('a')))
    const error = await rejection(submit(set('too much')))
    expect(error.reason).to.equal('OVERLOADED')
    expect(error.retryAfterMs).to.equal(100)
    for (const batch of [0, 1, 2, 3]) await engine.sync(batch)
    await Promise.all(waiting)
  })

  it('limits the bytes in the queue, and has room again once a batch has taken them', async () => {
    const { submit } = commits({ waitingBytes: 100 })
    const first = submit(set('a', { bytes: 100 }))
    expect(await reasonOf(submit(set('b', { bytes: 1 })))).to.equal('OVERLOADED')
    await until(() => engine.batches.length === 1)
    const second = submit(set('c', { bytes: 100 }))
    await engine.sync(0)
    await engine.sync(1)
    expect([await first, await second]).to.deep.equal(['a', 'c'])
  })

  it('drops a write whose call ended while it waited, but not one already in a batch', async () => {
    const { submit } = commits()
    const caller = new AbortController()
    const first = submit(set('in flight', { call: { ...call, signal: caller.signal } }))
    await until(() => engine.batches.length === 1)
    const waiting = reasonOf(submit(set('waiting', { call: { ...call, signal: caller.signal } })))
    const late = reasonOf(submit(set('late', { call: { ...call, deadline: Date.now() } })))
    const next = submit(set('next'))
    caller.abort(new VaultError('CANCELLED'))
    await engine.sync(0)
    await engine.sync(1)
    expect(await first).to.equal('in flight')
    expect(await waiting).to.equal('CANCELLED')
    expect(await late).to.equal('DEADLINE_EXCEEDED')
    expect(await next).to.equal('next')
    expect(engine.batches[1]?.map(({ value }) => value)).to.deep.equal(['next'])
  })

  it('finishes the queue before it closes, and refuses later writes', async () => {
    const { submit, close } = commits()
    const write = submit(set('a'))
    const closing = close()
    expect(await reasonOf(submit(set('b')))).to.equal('STORE_UNAVAILABLE')
    expect(await settled(closing)).to.equal(false)
    await engine.sync(0)
    await closing
    expect(await write).to.equal('a')
  })
})
