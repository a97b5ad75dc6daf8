import { randomBytes } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { ClassicLevel } from 'classic-level'
import { type LevelDatabase, openLevelDatabase } from '../../../../src/backend/engines/level/database.js'
import { openLevelHandle } from '../../../../src/backend/engines/level/handle.js'
import { filteredEngine } from '../../../../src/backend/engines/level/key-filter.js'
import { metaCodec } from '../../../../src/backend/engines/level/meta.js'
import { openLevelStore } from '../../../../src/backend/engines/level/store.js'
import { VaultError } from '../../../../src/core/errors.js'
import {
  call,
  putInto,
  rejection,
  sampleRecord,
  sampleUser,
  type TempFolder,
  tempFolder,
  until,
} from '../../samples.js'

const value = Buffer.from('value')
const MiB = 1024 * 1024

/** A database of these sorted keys. The test ends each step of the loading, and sees which keys are looked up. */
function database(keys: Buffer[]) {
  const sorted = keys.toSorted(Buffer.compare)
  const read: Buffer[] = []
  const held: (() => void)[] = []
  const state = { holds: false, fails: false, bytes: 0 }
  const level = {
    approximateSize: async () => state.bytes,
    keys: ({ gt, lte, limit }: { gt?: Buffer; lte?: Buffer; limit?: number }) => ({
      async all() {
        const after = (key: Buffer) => gt === undefined || Buffer.compare(key, gt) > 0
        const within = (key: Buffer) => lte === undefined || Buffer.compare(key, lte) <= 0
        const found = sorted.filter((key) => after(key) && within(key)).slice(0, limit)
        if (state.holds) await new Promise<void>((resolve) => held.push(resolve))
        if (state.fails) throw new VaultError('STORE_UNAVAILABLE')
        return found
      },
    }),
  }
  const handle = { use: <T>(work: (level: never) => Promise<T>) => work(level as never) }
  const engine = {
    async read(requested: Buffer[]) {
      read.push(...requested)
      return requested.map((key) => (sorted.some((stored) => stored.equals(key)) ? value : undefined))
    },
    async write(changes: { key: Buffer; value: Buffer | undefined }[]) {
      if (state.fails) throw new VaultError('STORE_UNAVAILABLE')
      for (const { key } of changes) sorted.push(key)
    },
  }
  return { read, held, state, filtered: () => filteredEngine<Buffer>(engine, handle as never) }
}

const someKeys = (count: number) => Array.from({ length: count }, () => randomBytes(72))

describe('filteredEngine', () => {
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  /** Resolves when lookups of absent keys are skipped. */
  async function keysLoaded(engine: { read(keys: Buffer[]): Promise<unknown> }, read: Buffer[]): Promise<void> {
    for (let before = -1; before !== read.length; ) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      before = read.length
      await engine.read(someKeys(1))
    }
    read.length = 0
  }

  it('skips lookups of absent keys once all keys are loaded', async () => {
    const existing = someKeys(2_500)
    const { read, filtered } = database(existing)
    const engine = filtered()
    await keysLoaded(engine, read)
    const [absent, present, other] = [...someKeys(1), existing[2_400], ...someKeys(1)] as [Buffer, Buffer, Buffer]
    expect(await engine.read([absent, present, other])).to.deep.equal([undefined, value, undefined])
    expect(read).to.deep.equal([present])
    expect(await engine.read(existing)).to.deep.equal(existing.map(() => value))
    await engine.stop()
  })

  it('looks up keys that are written during the loading and afterwards', async () => {
    const { read, held, state, filtered } = database(someKeys(10))
    state.holds = true
    const engine = filtered()
    const [early, late] = someKeys(2) as [Buffer, Buffer]
    await engine.write([{ key: early, value }])
    state.holds = false
    await until(() => held.length > 0)
    for (const release of held) release()
    await keysLoaded(engine, read)
    await engine.write([{ key: late, value }])
    expect(await engine.read([early, late])).to.deep.equal([value, value])
    await engine.stop()
  })

  it('looks up every key when the keys cannot be read', async () => {
    const { read, state, filtered } = database(someKeys(10))
    state.fails = true
    const engine = filtered()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const requested = someKeys(3)
    expect(await engine.read(requested)).to.deep.equal([undefined, undefined, undefined])
    expect(read).to.deep.equal(requested)
    await engine.stop()
  })

  it('looks up every key of a database that is too large to load', async () => {
    const { read, state, filtered } = database(someKeys(10))
    state.bytes = 9 * 1024 * MiB
    const engine = filtered()
    await new Promise((resolve) => setTimeout(resolve, 20))
    const requested = someKeys(3)
    await engine.read(requested)
    expect(read).to.deep.equal(requested)
    await engine.stop()
  })

  it('looks up the keys of a failed write, which may have taken effect', async () => {
    const { read, state, filtered } = database([])
    const engine = filtered()
    await keysLoaded(engine, read)
    state.fails = true
    const [key] = someKeys(1) as [Buffer]
    expect(await rejection(engine.write([{ key, value }]))).to.include({ reason: 'STORE_UNAVAILABLE' })
    await engine.read([key])
    expect(read).to.deep.equal([key])
    await engine.stop()
  })

  describe('in LevelDB', () => {
    const { getMany } = ClassicLevel.prototype
    let reads = 0

    beforeEach(() => {
      reads = 0
      ClassicLevel.prototype.getMany = function (this: ClassicLevel, ...requested: never[]) {
        if (this.location.includes(folder.path)) reads += 1
        return (getMany as (...given: never[]) => Promise<never>).apply(this, requested)
      } as typeof getMany
    })
    afterEach(() => {
      ClassicLevel.prototype.getMany = getMany
    })

    const options = () => ({ folder: folder.path, create: true, codec: metaCodec, bufferBytes: 16 * MiB })

    async function filled(keys: Buffer[]): Promise<void> {
      const handle = await openLevelHandle(options())
      const row = randomBytes(1024)
      await handle.use((level) => level.batch(keys.map((key) => ({ type: 'put' as const, key, value: row }))))
      await handle.close()
      await (await openLevelHandle(options())).close() // turns the log into a table
    }

    /** True if a write of this key finds a row. */
    const seen = (opened: LevelDatabase<Buffer>, key: Buffer) =>
      opened.write<boolean>({ key, bytes: 1, decide: (row) => ({ answer: row !== undefined }), call })

    /** Resolves when a write of an absent key reads nothing. */
    async function skipsLookup(write: () => Promise<unknown>): Promise<void> {
      for (let before = -1; before !== reads; ) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        before = reads
        await write()
      }
    }

    it('never misses a row that exists', async () => {
      const keys = someKeys(3_000)
      await filled(keys)
      const opened = await openLevelDatabase({ ...options(), filtersKeys: true })
      try {
        const all = async () => (await Promise.all(keys.map((key) => seen(opened, key)))).every((row) => row)
        expect(await all()).to.equal(true)
        await skipsLookup(() => seen(opened, someKeys(1)[0] as Buffer))
        expect(await all()).to.equal(true)
      } finally {
        await opened.close()
      }
    })

    it('looks up every key when a table is damaged, because LevelDB skips its rows', async () => {
      const keys = someKeys(5_000)
      await filled(keys)
      const [table] = (await readdir(folder.path)).filter((name) => name.endsWith('.ldb'))
      const path = join(folder.path, table as string)
      const file = await open(path, 'r+')
      await file.write(Buffer.alloc(80 * 1024, 0xff), 0, 80 * 1024, Math.floor((await file.stat()).size / 2))
      await file.close()
      const opened = await openLevelDatabase({ ...options(), filtersKeys: true })
      try {
        await new Promise((resolve) => setTimeout(resolve, 500))
        const outcomes = await Promise.allSettled(keys.map((key) => seen(opened, key)))
        const absent = outcomes.filter((outcome) => outcome.status === 'fulfilled' && !outcome.value)
        expect(absent).to.have.length(0)
        expect(outcomes.some(({ status }) => status === 'rejected')).to.equal(true)
      } finally {
        await opened.close()
      }
    })

    it('stops loading when the database closes', async () => {
      await filled(someKeys(20_000))
      const opened = await openLevelDatabase({ ...options(), filtersKeys: true })
      const began = Date.now()
      await opened.close()
      expect(Date.now() - began).to.be.lessThan(30_000)
    })

    it('spares the store of a new record its lookup, but not that of an existing one', async () => {
      const record = sampleRecord(sampleUser())
      const absent = { precondition: { condition: { $case: 'absent' as const, value: true } } }
      for (const start of [1, 2, 3]) {
        const store = await openLevelStore({ folder: folder.path })
        if (start === 1) await putInto(store, record)
        await skipsLookup(() => putInto(store, sampleRecord(sampleUser())))
        const again = { ...record, envelope: sampleRecord(sampleUser()).envelope }
        expect(await rejection(putInto(store, again, absent))).to.include({ reason: 'ALREADY_EXISTS' })
        await store.close()
      }
    })
  })
})
