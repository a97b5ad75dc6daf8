import { expect } from 'chai'
import { rowCache } from '../../../../src/backend/engines/level/row-cache.js'
import { VaultError } from '../../../../src/core/errors.js'
import { call, rejection } from '../../samples.js'

const limits = { maxRows: 2, maxBytes: 100, bytesOf: (row: string) => row.length }
const key = (name: string) => Buffer.from(name)

/** A cache over a database whose reads and writes end when the test says so; `reads` are the keys that were read. */
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
    releaseOne: () => held.shift()?.(),
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('rowCache', () => {
  it('reads a row once', async () => {
    const { reads, get } = database({ a: 'A' })
    expect([await get('a'), await get('a')]).to.deep.equal(['A', 'A'])
    expect(reads).to.deep.equal(['a'])
  })

  it('does not cache absent rows', async () => {
    const { reads, get, write } = database({})
    expect([await get('a'), await get('a')]).to.deep.equal([undefined, undefined])
    await write('a', 'A')
    expect(await get('a')).to.equal('A')
    expect(reads).to.deep.equal(['a', 'a', 'a'])
  })

  it('keeps to its limits of rows and bytes', async () => {
    const { reads, get } = database({ a: 'A', b: 'B', c: 'C', large: 'x'.repeat(101) })
    for (const name of ['a', 'b', 'c', 'a', 'large', 'large']) await get(name)
    expect(reads).to.deep.equal(['a', 'b', 'c', 'a', 'large', 'large'])
  })

  it('evicts a row when it is written, whether the write succeeds or fails', async () => {
    const { reads, get, write } = database({ a: 'A', b: 'B' })
    await get('a')
    await get('b')
    await write('a', undefined)
    expect((await rejection(write('b', 'fails'))).reason).to.equal('STORE_UNAVAILABLE')
    expect([await get('a'), await get('b'), await get('b')]).to.deep.equal([undefined, 'B', 'B'])
    expect(reads).to.deep.equal(['a', 'b', 'a', 'b'])
  })

  it('does not cache a read that overlaps the beginning or the end of a write', async () => {
    const { get, write, holdAll, releaseOne } = database({ a: 'old' })
    holdAll()
    const before = get('a')
    const writing = write('a', 'new')
    releaseOne()
    expect(await before).to.equal('old')
    const during = get('a')
    releaseOne()
    await writing
    await turn()
    releaseOne()
    expect(await during).to.equal('old')
    const after = get('a')
    await turn()
    releaseOne()
    expect(await after).to.equal('new')
  })

  for (const [what, value] of [
    ['completes', 'B'],
    ['fails', 'fails'],
  ]) {
    it(`does not cache a read during which an earlier write ${what}`, async () => {
      const { get, write, holdAll, releaseOne, reads } = database({ a: 'A' })
      holdAll()
      const writing = write('b', value).catch(() => undefined)
      const reading = get('a')
      releaseOne()
      await writing
      releaseOne()
      await reading
      const again = get('a')
      await turn()
      releaseOne()
      await again
      expect(reads).to.deep.equal(['a', 'a'])
    })
  }

  it('can be cleared', async () => {
    const { get, clear, reads } = database({ a: 'A' })
    await get('a')
    clear()
    await get('a')
    expect(reads).to.deep.equal(['a', 'a'])
  })

  it('rejects a call that has ended', async () => {
    const { get } = database({ a: 'A' })
    await get('a')
    const over = { ...call, deadline: Date.now() - 1 }
    expect((await rejection(get('a', over))).reason).to.equal('DEADLINE_EXCEEDED')
  })
})
