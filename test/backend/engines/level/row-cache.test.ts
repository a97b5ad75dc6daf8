import { expect } from 'chai'
import { rowCache } from '../../../../src/backend/engines/level/row-cache.js'
import { VaultError } from '../../../../src/core/errors.js'
import { call, rejection } from '../../samples.js'

const limits = { maxRows: 2, maxBytes: 100, bytesOf: (row: string) => row.length }
const key = (name: string) => Buffer.from(name)

/** A database whose reads and writes end when they are let; `reads` is what it was asked for. */
function database(rows: Record<string, string>) {
  const reads: string[] = []
  const held: (() => void)[] = []
  let holds = false
  const hold = () => (holds ? new Promise<void>((resolve) => held.push(resolve)) : undefined)
  const stored = {
    async get(name: Buffer) {
      reads.push(String(name))
      const row = rows[String(name)]
      await hold()
      return row
    },
    async write(changes: { key: Buffer; value: string | undefined }[]) {
      await hold()
      for (const { key: name, value } of changes) {
        if (value === 'fails') throw new VaultError('STORE_UNAVAILABLE')
        if (value === undefined) delete rows[String(name)]
        else rows[String(name)] = value
      }
    },
  }
  const { get, write, clear } = rowCache<string>(stored, limits)
  return {
    reads,
    get: (name: string, within = call) => get(key(name), within),
    write: (name: string, value: string | undefined) => write([{ key: key(name), value }]),
    clear,
    holdAll: () => {
      holds = true
    },
    letOne: () => held.shift()?.(),
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('recent rows', () => {
  it('are read once', async () => {
    const { reads, get } = database({ a: 'A' })
    expect([await get('a'), await get('a')]).to.deep.equal(['A', 'A'])
    expect(reads).to.deep.equal(['a'])
  })

  it('are not those that are not there', async () => {
    const { reads, get, write } = database({})
    expect([await get('a'), await get('a')]).to.deep.equal([undefined, undefined])
    await write('a', 'A')
    expect(await get('a')).to.equal('A')
    expect(reads).to.deep.equal(['a', 'a', 'a'])
  })

  it('are few, and small', async () => {
    const { reads, get } = database({ a: 'A', b: 'B', c: 'C', large: 'x'.repeat(101) })
    for (const name of ['a', 'b', 'c', 'a', 'large', 'large']) await get(name)
    expect(reads).to.deep.equal(['a', 'b', 'c', 'a', 'large', 'large'])
  })

  it('are forgotten when they are written, whether that succeeds or fails', async () => {
    const { reads, get, write } = database({ a: 'A', b: 'B' })
    await get('a')
    await get('b')
    await write('a', undefined)
    expect((await rejection(write('b', 'fails'))).reason).to.equal('STORE_UNAVAILABLE')
    expect([await get('a'), await get('b'), await get('b')]).to.deep.equal([undefined, 'B', 'B'])
    expect(reads).to.deep.equal(['a', 'b', 'a', 'b'])
  })

  it('are not kept when a write began after the read of them, or ended', async () => {
    const { get, write, holdAll, letOne } = database({ a: 'old' })
    holdAll()
    const before = get('a')
    const writing = write('a', 'new')
    letOne()
    expect(await before).to.equal('old')
    const during = get('a')
    letOne()
    await writing
    await turn()
    letOne()
    expect(await during).to.equal('old')
    const after = get('a')
    await turn()
    letOne()
    expect(await after).to.equal('new')
  })

  for (const [what, value] of [
    ['was done', 'B'],
    ['failed', 'fails'],
  ]) {
    it(`are not kept when a write that was under way ${what} while they were read`, async () => {
      const { get, write, holdAll, letOne, reads } = database({ a: 'A' })
      holdAll()
      const writing = write('b', value).catch(() => undefined)
      const reading = get('a')
      letOne()
      await writing
      letOne()
      await reading
      const again = get('a')
      await turn()
      letOne()
      await again
      expect(reads).to.deep.equal(['a', 'a'])
    })
  }

  it('are all forgotten when the database was opened again', async () => {
    const { get, clear, reads } = database({ a: 'A' })
    await get('a')
    clear()
    await get('a')
    expect(reads).to.deep.equal(['a', 'a'])
  })

  it('refuse a call that has ended', async () => {
    const { get } = database({ a: 'A' })
    await get('a')
    const over = { ...call, deadline: Date.now() - 1 }
    expect((await rejection(get('a', over))).reason).to.equal('DEADLINE_EXCEEDED')
  })
})
