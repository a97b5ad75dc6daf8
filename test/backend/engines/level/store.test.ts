import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { ClassicLevel } from 'classic-level'
import { openLevelStore } from '../../../../src/backend/engines/level/store.js'
import { refersTo } from '../../../../src/backend/record/versions.js'
import { storeFormat } from '../../../../src/backend/store/format.js'
import { endOfTime, type Store } from '../../../../src/backend/store/store.js'
import type { SealedRecord } from '../../../../src/gen/encserver/v1/backend.js'
import { lifeContract } from '../../../life.contract.js'
import { storeContract } from '../../../store.contract.js'
import {
  call,
  keyId,
  putInto,
  rejection,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  storeTime,
  type TempFolder,
  tempFolder,
} from '../../samples.js'
import { filesOf } from './files.js'

async function openEmpty() {
  const folder = await tempFolder()
  let store = await openLevelStore({ folder: folder.path })
  return {
    store,
    async reopen() {
      await store.close()
      store = await openLevelStore({ folder: folder.path })
      return store
    },
    async cleanup() {
      await store.close()
      await folder.remove()
    },
  }
}
storeContract('LevelDB', openEmpty)
lifeContract('LevelDB', openEmpty)

describe('the embedded store', () => {
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  async function openAndClose(path = folder.path): Promise<void> {
    await (await openLevelStore({ folder: path })).close()
  }

  async function writeFormat(format: string): Promise<void> {
    const meta = new ClassicLevel(join(folder.path, 'meta'))
    await meta.put('format', format)
    await meta.close()
  }

  async function readFormat(): Promise<string | undefined> {
    const meta = new ClassicLevel(join(folder.path, 'meta'))
    const format = await meta.get('format')
    await meta.close()
    return format
  }

  it('has every batch synced before it answers', async () => {
    const level = new ClassicLevel(join(folder.path, 'other'))
    await level.open()
    const batches = Object.getPrototypeOf(Object.getPrototypeOf(level.batch()))
    await level.close()
    const { write } = batches
    const writeOptions: unknown[] = []
    batches.write = function (options: unknown) {
      writeOptions.push(options)
      return write.call(this, options)
    }
    const store = await openLevelStore({ folder: folder.path })
    try {
      await store.insertUser(sampleUser(), call)
      await putInto(store, sampleRecord(sampleUser()))
    } finally {
      batches.write = write
      await store.close()
    }
    expect(writeOptions).to.have.length(3) // the format too
    for (const options of writeOptions) expect(options).to.deep.equal({ sync: true })
  })

  it('creates its folders for this user only', async () => {
    const path = join(folder.path, 'deep', 'data')
    await openAndClose(path)
    const databases = ['deletes', 'expiry', 'meta', 'records', 'users', 'versions']
    expect((await readdir(path)).sort()).to.deep.equal([
      ...databases.slice(0, 4),
      'stopped.json',
      ...databases.slice(4),
    ])
    for (const name of ['', ...databases]) {
      expect((await stat(join(path, name))).mode & 0o777).to.equal(0o700)
    }
  })

  it('keeps the mode of an existing folder, and creates private ones in it', async () => {
    const path = join(folder.path, 'open')
    await mkdir(path)
    await chmod(path, 0o755)
    await openAndClose(path)
    expect((await stat(path)).mode & 0o777).to.equal(0o755)
    expect((await stat(join(path, 'records'))).mode & 0o777).to.equal(0o700)
  })

  describe('a row that cannot be decoded', () => {
    const user = sampleUser()
    const range = {
      userPseudonym: user.userPseudonym,
      userUid: user.userUid,
      now: storeTime,
      after: undefined,
      limit: 10,
      maxBytes: 1e6,
    }

    async function withDamaged(test: (store: Store, damaged: SealedRecord, intact: SealedRecord) => Promise<void>) {
      const [damaged, intact] = [sampleRecord(user), sampleRecord(user)]
      const first = await openLevelStore({ folder: folder.path })
      await putInto(first, intact)
      await first.close()
      const options = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
      const level = new ClassicLevel<Buffer, Buffer>(join(folder.path, 'records'), options)
      await level.put(damaged.recordId, Buffer.of(0xff))
      await level.close()
      const store = await openLevelStore({ folder: folder.path })
      await test(store, damaged, intact).finally(() => store.close())
    }

    it('is RECORD_CORRUPT for a read, and for a write with a precondition', () =>
      withDamaged(async (store, damaged) => {
        const expectKeyId = keyId(damaged)
        const target = { recordId: damaged.recordId, userUid: user.userUid, expectKeyId, now: storeTime }
        const absent = { precondition: { condition: { $case: 'absent' as const, value: true } } }
        expect(await rejection(store.getRecord(damaged.recordId, call))).to.include({ reason: 'RECORD_CORRUPT' })
        expect(await rejection(store.deleteRecord(target, call))).to.include({ reason: 'RECORD_CORRUPT' })
        expect(await rejection(putInto(store, damaged, absent))).to.include({ reason: 'RECORD_CORRUPT' })
      }))

    it('does not fail other writes of its batch', () =>
      withDamaged(async (store, damaged, intact) => {
        const absent = { precondition: { condition: { $case: 'absent' as const, value: true } } }
        const [bad, good] = await Promise.allSettled([
          putInto(store, damaged, absent),
          putInto(store, { ...intact, envelope: sampleEnvelope() }),
        ])
        expect([bad.status, good.status]).to.deep.equal(['rejected', 'fulfilled'])
      }))

    it('can be replaced', () =>
      withDamaged(async (store, damaged) => {
        expect((await putInto(store, damaged)).version).to.equal(1n)
        expect((await store.getRecord(damaged.recordId, call))?.envelope).to.deep.equal(damaged.envelope)
      }))

    it('can be removed', () =>
      withDamaged(async (store, damaged) => {
        const target = { recordId: damaged.recordId, userUid: user.userUid, expectKeyId: undefined, now: storeTime }
        expect(await store.deleteRecord(target, call)).to.include({ recordId: damaged.recordId, partCount: 0 })
        expect(await store.getRecord(damaged.recordId, call)).to.equal(undefined)
      }))

    it('is listed without contents, beside the others', () =>
      withDamaged(async (store, damaged, intact) => {
        const { records } = await store.listRecords(range, call)
        const sizes = new Map(records.map(({ recordId, envelope }) => [recordId.toString('hex'), envelope.length]))
        expect(sizes.get(damaged.recordId.toString('hex'))).to.equal(0)
        expect(sizes.get(intact.recordId.toString('hex'))).to.equal(88)
      }))
  })

  it('replaces a damaged delete watermark', async () => {
    const { userPseudonym } = sampleUser()
    const until = new Date('2025-03-01T12:00:00.123Z')
    for (const damaged of [Buffer.alloc(0), Buffer.of(1, 2, 3), Buffer.alloc(9), Buffer.alloc(8, 0xff)]) {
      await openAndClose()
      const options = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
      const level = new ClassicLevel<Buffer, Buffer>(join(folder.path, 'deletes'), options)
      await level.put(userPseudonym, damaged)
      await level.close()
      const store = await openLevelStore({ folder: folder.path })
      try {
        expect(await store.getDeleteWatermark(userPseudonym, call)).to.deep.equal(endOfTime)
        await store.raiseDeleteWatermark({ userPseudonym, until, maxUntil: until }, call)
        expect(await store.getDeleteWatermark(userPseudonym, call)).to.deep.equal(until)
      } finally {
        await store.close()
      }
    }
  })

  it('stores the encoded record without its id, under its id', async () => {
    const user = sampleUser()
    const record = sampleRecord(user)
    const store = await openLevelStore({ folder: folder.path })
    await putInto(store, record)
    await store.close()
    const level = new ClassicLevel<Buffer, Buffer>(join(folder.path, 'records'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    const [[key, value] = []] = await level.iterator().all()
    await level.close()
    expect(key).to.deep.equal(record.recordId)
    expect(value?.includes(record.envelope)).to.equal(true)
    expect(value?.includes(record.recordId)).to.equal(false)
  })

  it('refuses a store of another format, and leaves it untouched', async () => {
    await openAndClose()
    await writeFormat('7')
    const before = await filesOf(join(folder.path, 'records'))
    const error = await rejection(openLevelStore({ folder: folder.path }))
    expect(error.reason).to.equal('STORE_FORMAT')
    expect(error.message).to.equal(`the store has format 7; this version knows format ${storeFormat}`)
    expect(await filesOf(join(folder.path, 'records'))).to.deep.equal(before)
  })

  it('opens a store once it has the known format', async () => {
    await openAndClose()
    await writeFormat('0')
    await rejection(openLevelStore({ folder: folder.path }))
    await writeFormat(String(storeFormat))
    await openAndClose()
  })

  it('raises a store of format 1, so that earlier versions refuse it, and keeps its rows', async () => {
    const record = sampleRecord(sampleUser(), { partCount: 1, envelope: sampleEnvelope(88) })
    const before = await openLevelStore({ folder: folder.path })
    await putInto(before, record)
    await before.close()
    await writeFormat('1')
    const store = await openLevelStore({ folder: folder.path })
    expect(await store.meta(call)).to.include({ format: 2 })
    const set = { recordId: record.recordId, setId: keyId(record) }
    expect(await refersTo(store, set, call)).to.equal(true)
    await store.close()
    expect(await readFormat()).to.equal('2')
  })

  it('refuses records whose meta folder is lost', async () => {
    await openAndClose()
    await rm(join(folder.path, 'meta'), { recursive: true })
    const error = await rejection(openLevelStore({ folder: folder.path }))
    expect(error.reason).to.equal('STORE_FORMAT')
    expect(error.message).to.equal(
      'the store has records but no format number; restore its meta folder from the same backup',
    )
  })

  it('takes empty folders for the mount points of a new store', async () => {
    await mkdir(join(folder.path, 'records'))
    await openAndClose()
  })

  it('refuses a path that is not a folder, and says why', async () => {
    const path = join(folder.path, 'file')
    await writeFile(path, '')
    const error = await rejection(openLevelStore({ folder: path }))
    expect(error.reason).to.equal('INVALID_REQUEST')
    expect(error.message).to.equal(`backend.dataDir: ${path} is not a folder, and cannot be made one (EEXIST)`)
  })

  it('refuses a damaged database, and says which one', async () => {
    await openAndClose()
    await writeFile(join(folder.path, 'users', 'CURRENT'), 'nonsense')
    const error = await rejection(openLevelStore({ folder: folder.path }))
    expect(error.reason).to.equal('STORE_UNAVAILABLE')
    expect(error.message).to.equal(
      `${join(folder.path, 'users')}: CURRENT is damaged; nothing was changed: restore this folder from a backup`,
    )
  })

  it('refuses a store that another process has open, until that process ends', async () => {
    await openAndClose()
    const holder = await holdOpen(join(folder.path, 'records'))
    const error = await rejection(openLevelStore({ folder: folder.path }))
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    expect(error.reason).to.equal('STORE_UNAVAILABLE')
    expect(error.message).to.equal('another process has the store open: stop it first')
    await openAndClose()
  })
})

/** Starts a process that keeps the database open. */
async function holdOpen(path: string): Promise<ChildProcess> {
  const script = `const { ClassicLevel } = require('classic-level')
    new ClassicLevel(process.argv[1]).open().then(() => console.log('open'))
    setInterval(() => {}, 1000)`
  const holder = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(holder.stdout, 'data')
  return holder
}
