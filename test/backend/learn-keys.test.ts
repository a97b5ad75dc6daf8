import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { knowingEngine } from '../../src/backend/learn-keys.js'
import { openLevelDatabase } from '../../src/backend/level-database.js'
import { type Level, openLevelHandle } from '../../src/backend/level-handle.js'
import { metaCodec } from '../../src/backend/level-meta.js'
import { openLevelStore } from '../../src/backend/level-store.js'
import { VaultError } from '../../src/core/errors.js'
import { call, putInto, rejection, sampleRecord, sampleUser, type TempFolder, tempFolder, until } from './samples.js'

const value = Buffer.from('value')
const MiB = 1024 * 1024

/** A database of these keys, in order, whose steps of learning end when they are let; it notes which keys are read. */
function database(keys: Buffer[]) {
  const sorted = keys.toSorted(Buffer.compare)
  const read: Buffer[] = []
  const held: (() => void)[] = []
  const state = { holds: false, fails: false }
  const level = {
    keys: ({ gt, limit }: { gt?: Buffer; limit: number }) => ({
      async all() {
        const found = sorted.filter((key) => gt === undefined || Buffer.compare(key, gt) > 0).slice(0, limit)
        if (state.holds) await new Promise<void>((resolve) => held.push(resolve))
        if (state.fails) throw new VaultError('STORE_UNAVAILABLE')
        return found
      },
    }),
  }
  const handle = { use: <T>(work: (level: never) => Promise<T>) => work(level as never) }
  const engine = {
    async read(asked: Buffer[]) {
      read.push(...asked)
      return asked.map((key) => (sorted.some((there) => there.equals(key)) ? value : undefined))
    },
    async write(changes: { key: Buffer; value: Buffer | undefined }[]) {
      if (state.fails) throw new VaultError('STORE_UNAVAILABLE')
      for (const { key } of changes) sorted.push(key)
    },
  }
  return { read, held, state, knowing: () => knowingEngine<Buffer>(engine, handle as never) }
}

const someKeys = (count: number) => Array.from({ length: count }, () => randomBytes(72))

describe('keys that are known', () => {
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  /** Resolves when keys that are not there are not looked for. */
  async function learnt(engine: { read(keys: Buffer[]): Promise<unknown> }, read: Buffer[]): Promise<void> {
    for (let before = -1; before !== read.length; ) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      before = read.length
      await engine.read(someKeys(1))
    }
    read.length = 0
  }

  it('spare a write the reading of others, once all are learnt', async () => {
    const there = someKeys(2_500)
    const { read, knowing } = database(there)
    const engine = knowing()
    await learnt(engine, read)
    const [absent, present, other] = [...someKeys(1), there[2_400], ...someKeys(1)] as [Buffer, Buffer, Buffer]
    expect(await engine.read([absent, present, other])).to.deep.equal([undefined, value, undefined])
    expect(read).to.deep.equal([present])
    expect(await engine.read(there)).to.deep.equal(there.map(() => value))
    await engine.stop()
  })

  it('are those that are written, while others are learnt and after', async () => {
    const { read, held, state, knowing } = database(someKeys(10))
    state.holds = true
    const engine = knowing()
    const [early, late] = someKeys(2) as [Buffer, Buffer]
    await engine.write([{ key: early, value }])
    state.holds = false
    await until(() => held.length > 0)
    for (const let1 of held) let1()
    await learnt(engine, read)
    await engine.write([{ key: late, value }])
    expect(await engine.read([early, late])).to.deep.equal([value, value])
    await engine.stop()
  })

  it('are none when they cannot be read: all rows are', async () => {
    const { read, state, knowing } = database(someKeys(10))
    state.fails = true
    const engine = knowing()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const asked = someKeys(3)
    expect(await engine.read(asked)).to.deep.equal([undefined, undefined, undefined])
    expect(read).to.deep.equal(asked)
    await engine.stop()
  })

  it('are also those of a write that failed: it may be there after all', async () => {
    const { read, state, knowing } = database([])
    const engine = knowing()
    await learnt(engine, read)
    state.fails = true
    const [key] = someKeys(1) as [Buffer]
    expect(await rejection(engine.write([{ key, value }]))).to.include({ reason: 'STORE_UNAVAILABLE' })
    await engine.read([key])
    expect(read).to.deep.equal([key])
    await engine.stop()
  })

  it('let no write of a database that was there before miss its row', async () => {
    const keys = someKeys(3_000)
    const handle = await openLevelHandle({ folder: folder.path, codec: metaCodec, bufferBytes: MiB })
    await handle.use((level: Level<Buffer>) => level.batch(keys.map((key) => ({ type: 'put' as const, key, value }))))
    await handle.close()
    const opened = await openLevelDatabase({ folder: folder.path, codec: metaCodec, bufferBytes: MiB, knowsKeys: true })
    const seen = (key: Buffer) =>
      opened.write<boolean>({ key, bytes: 1, decide: (row) => ({ answer: row !== undefined }), call })
    try {
      // Some at once, some when all are learnt.
      for (const part of [keys.slice(0, 100), keys.slice(100)]) {
        expect((await Promise.all(part.map(seen))).every((row) => row)).to.equal(true)
        await new Promise((resolve) => setTimeout(resolve, 60))
      }
      expect(await seen(someKeys(1)[0] as Buffer)).to.equal(false)
    } finally {
      await opened.close()
    }
  })

  it('let no store of a record miss the one that is there, after a start', async () => {
    const record = sampleRecord(sampleUser())
    const absent = { precondition: { condition: { $case: 'absent' as const, value: true } } }
    for (const first of [true, false, false]) {
      const store = await openLevelStore({ folder: folder.path })
      if (first) await putInto(store, record)
      await new Promise((resolve) => setTimeout(resolve, 30))
      const again = { ...record, envelope: sampleRecord(sampleUser()).envelope }
      expect(await rejection(putInto(store, again, absent))).to.include({ reason: 'ALREADY_EXISTS' })
      await store.close()
    }
  })
})
