// Damage done to the files of a stopped store, and what the next start says about it.
import { mkdir, open, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Damage, inspectDatabase } from '../../../../../src/backend/engines/level/disk/inspect.js'
import { readSeal } from '../../../../../src/backend/engines/level/disk/seal.js'
import { openLevelStore } from '../../../../../src/backend/engines/level/store.js'
import {
  call,
  putInto,
  rejection,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  type TempFolder,
  tempFolder,
} from '../../../samples.js'
import { filesOf } from '../files.js'

const user = sampleUser()
const databases = ['meta', 'users', 'records', 'versions', 'expiry', 'deletes']

describe('the files of the embedded store', () => {
  let folder: TempFolder

  beforeEach(async () => {
    folder = await tempFolder()
  })
  afterEach(() => folder.remove())

  async function openStore() {
    const damage: Damage[] = []
    const onDamage = (found: Damage) => damage.push(found)
    return { store: await openLevelStore({ folder: folder.path, folders: ['parts'], onDamage }), damage }
  }

  /** Makes a store with three records: the first in a table, the others in a log. */
  async function makeStore() {
    const records = [0, 1, 2].map(() => sampleRecord(user, { envelope: sampleEnvelope(50_000) }))
    for (const some of [records.slice(0, 1), records.slice(1)]) {
      const { store } = await openStore()
      await store.insertUser(user, call)
      for (const record of some) await putInto(store, record)
      await store.close()
    }
    return records
  }

  const pathOf = (name: string) => join(folder.path, name)
  async function fileOf(database: string, pattern: RegExp): Promise<string> {
    const name = (await readdir(pathOf(database))).find((found) => pattern.test(found))
    return join(database, name as string)
  }

  async function flip(name: string, at: number): Promise<void> {
    const file = await open(pathOf(name), 'r+')
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, at)
    await file.write(Buffer.of((byte[0] as number) ^ 1), 0, 1, at)
    await file.close()
  }

  async function refusal(problem: RegExp): Promise<void> {
    const before = await filesOf(folder.path)
    const { reason, message } = await rejection(openStore())
    expect(reason).to.equal('STORE_UNAVAILABLE')
    expect(message).to.match(problem)
    expect(message).to.match(/; nothing was changed: restore this folder from a backup$/)
    expect(await filesOf(folder.path)).to.deep.equal(before)
  }

  for (const name of databases.slice(1)) {
    it(`are not made anew when ${name} is lost, emptied, or has no CURRENT`, async () => {
      await makeStore()
      await rename(pathOf(join(name, 'CURRENT')), pathOf('kept'))
      await refusal(new RegExp(`/${name}: CURRENT is missing`))
      await rename(pathOf(name), pathOf('aside'))
      await refusal(new RegExp(`/${name}: the folder is missing or empty`))
      await mkdir(pathOf(name))
      await refusal(new RegExp(`/${name}: the folder is missing or empty`))
    })
  }

  it('are not made anew when meta has no CURRENT, or the folder of the parts is lost', async () => {
    await makeStore()
    await rename(pathOf('parts'), pathOf('aside'))
    await refusal(/parts: the folder is missing/)
    await rename(pathOf('aside'), pathOf('parts'))
    await rm(pathOf('meta/CURRENT'))
    await refusal(/meta: CURRENT is missing/)
  })

  it('are left as they are when meta is lost', async () => {
    await makeStore()
    await rm(pathOf('meta'), { recursive: true })
    const before = await filesOf(folder.path)
    expect(await rejection(openStore())).to.include({ reason: 'STORE_FORMAT' })
    expect(await filesOf(folder.path)).to.deep.equal(before)
  })

  it('are completed when the process that made the store was killed', async () => {
    await makeStore()
    await rm(pathOf('deletes'), { recursive: true })
    await rm(pathOf('parts'), { recursive: true })
    await writeFile(pathOf('creating'), '')
    await (await openStore()).store.close()
    expect(await readdir(folder.path))
      .to.include.members([...databases, 'parts'])
      .and.not.include('creating')
  })

  it('are refused with a damaged or missing CURRENT, manifest, table or log', async () => {
    await makeStore()
    const manifest = await fileOf('records', /^MANIFEST/)
    const table = await fileOf('records', /ldb$/)
    const log = await fileOf('records', /log$/)
    for (const [name, problem] of [
      [manifest, /records: MANIFEST-\d+ is missing/],
      [table, /records: \d+\.ldb is missing/],
      [log, /records: \d+\.log is missing/],
    ] as const) {
      await rename(pathOf(name), pathOf('aside'))
      await refusal(problem)
      await rename(pathOf('aside'), pathOf(name))
    }
    const current = await readFile(pathOf('records/CURRENT'))
    await truncate(pathOf('records/CURRENT'), 5)
    await refusal(/records: CURRENT is damaged/)
    await writeFile(pathOf('records/CURRENT'), current)
    await flip(manifest, 20)
    await refusal(/records: MANIFEST-\d+ is damaged/)
    await truncate(pathOf(manifest), 0)
    await refusal(/records: MANIFEST-\d+ is damaged/)
  })

  it('report a flipped bit in a log, with the bytes that are lost', async () => {
    const [inTable, ...inLog] = await makeStore()
    await flip(await fileOf('records', /log$/), 1000)
    const { store, damage } = await openStore()
    expect(damage).to.have.length(1)
    expect(damage[0]).to.include({ database: 'records', kind: 'lost' })
    expect(damage[0]?.bytes).to.be.within(32_768, 60_000)
    const found = await Promise.all(
      [inTable, ...inLog].map((record) => store.getRecord(record?.recordId as Buffer, call)),
    )
    expect(found.map((row) => row !== undefined)).to.deep.equal([true, false, true])
    await store.close()
    const second = await openStore()
    await second.store.close()
    expect(second.damage, 'again').to.deep.equal([])
  })

  it('report every cut of the log of a store that was stopped', async () => {
    await makeStore()
    const log = pathOf(await fileOf('records', /log$/))
    const whole = await readFile(log)
    const copy = await filesOf(folder.path)
    for (const bytes of [0, 3, 32_768, 50_500, whole.length - 1]) {
      await writeFile(log, whole.subarray(0, bytes))
      const { damage } = await inspectDatabase(folder.path, 'records', await readSeal(folder.path, 'records'))
      expect(
        damage.some(({ kind }) => kind === 'lost'),
        `cut to ${bytes}`,
      ).to.equal(true)
    }
    await writeFile(log, whole)
    expect(await filesOf(folder.path)).to.deep.equal(copy)
    const { store, damage } = await openStore()
    expect(damage).to.deep.equal([])
    await store.close()
  })

  it('report a torn end of a log after a kill as what it may be', async () => {
    await makeStore()
    await rm(pathOf('stopped.json'))
    const log = pathOf(await fileOf('records', /log$/))
    await truncate(log, (await readFile(log)).length - 100)
    const { store, damage } = await openStore()
    expect(damage.map(({ kind }) => kind)).to.deep.equal(['torn'])
    await store.close()
  })

  it('report zeros in a log, and a cut table', async () => {
    await makeStore()
    const log = await open(pathOf(await fileOf('records', /log$/)), 'r+')
    await log.write(Buffer.alloc(40_000), 0, 40_000, 20_000)
    await log.close()
    await truncate(pathOf(await fileOf('records', /ldb$/)), 30_000)
    const { store, damage } = await openStore()
    expect(damage.map(({ file, kind }) => [file.slice(-3), kind])).to.deep.equal([
      ['ldb', 'lost'],
      ['log', 'lost'],
    ])
    await store.close()
  })
})
