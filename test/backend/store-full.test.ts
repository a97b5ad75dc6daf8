// A disk that is really full: a small tmpfs, which only root may mount.
import { execFileSync } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { openLevelStore } from '../../src/backend/engines/level/store.js'
import type { Store, StoreHealth } from '../../src/backend/store/store.js'
import type { SealedRecord } from '../../src/gen/encserver/v1/backend.js'
import {
  call,
  firstVersion,
  putInto,
  rejection,
  sampleEnvelope,
  sampleRecord,
  sampleUser,
  type TempFolder,
  tempFolder,
  until,
} from './samples.js'

const diskMiB = 352
const ballastMiB = 224 // more than two logs and a table of 64 MiB each

function mount(path: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function without({ envelope: _, ...rest }: SealedRecord): Omit<SealedRecord, 'envelope'> {
  return rest
}

describe('a store on a full disk', () => {
  let folder: TempFolder
  let store: Store
  let mounted = false
  const user = sampleUser()
  const kept: SealedRecord[] = []
  const seen: StoreHealth[] = []

  before(async function () {
    folder = await tempFolder()
    mounted = mount(folder.path)
    if (!mounted && process.env['CI'] === 'true') throw new Error('cannot mount a tmpfs')
    if (!mounted) this.skip()
    store = await openLevelStore({ folder: join(folder.path, 'store'), backoff: { firstMs: 20, maxMs: 100 } })
    store.onHealth((health) => seen.push(health))
  })

  after(async () => {
    await store?.close()
    if (mounted) execFileSync('umount', [folder.path])
    await folder.remove()
  })

  const put = (record: SealedRecord) => putInto(store, record)
  const ballast = () => join(folder.path, 'ballast')

  /** Eight writers, until each was refused. */
  async function fill(): Promise<void> {
    async function writer(): Promise<void> {
      for (;;) {
        const record = sampleRecord(user, { envelope: sampleEnvelope(256 * 1024) })
        await put(record)
        kept.push(record)
      }
    }
    const errors = await Promise.all(Array.from({ length: 8 }, () => rejection(writer())))
    for (const error of errors) expect(error.reason).to.equal('STORE_FULL')
  }

  async function expectAllKept(): Promise<void> {
    for (const record of kept) {
      const { envelope, ...rest } = (await store.getRecord(record.recordId, call)) ?? expect.fail('lost')
      expect(envelope.equals(record.envelope)).to.equal(true) // chai compares byte by byte, which takes seconds
      expect(rest).to.deep.equal(without(firstVersion(record)))
    }
  }

  for (const time of ['first', 'second']) {
    it(`refuses writes with STORE_FULL for the ${time} time, and goes on reading`, async () => {
      await writeFile(ballast(), Buffer.alloc(ballastMiB << 20))
      const before = kept.length
      await fill()
      expect(kept.length).to.be.greaterThan(before)
      expect(store.health()).to.equal('STORE_FULL')
      const error = await rejection(put(sampleRecord(user)))
      expect(error.reason).to.equal('STORE_FULL')
      expect(error.retryAfterMs).to.equal(1000)
      await expectAllKept()
    })

    it(`stays open while there is no space, the ${time} time`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      expect(store.health()).to.equal('STORE_FULL')
      await expectAllKept()
    })

    it(`recovers by itself, the ${time} time, and has lost nothing`, async () => {
      const reads = expectAllKept() // reads arrive while it is reopened
      await rm(ballast())
      await until(() => store.health() === 'ready')
      await reads
      const record = sampleRecord(user)
      expect(await put(record)).to.include({ version: 1n })
      kept.push(record)
      await expectAllKept()
    })

    it(`has every answered record after a restart, the ${time} time`, async () => {
      await store.close()
      store = await openLevelStore({ folder: join(folder.path, 'store'), backoff: { firstMs: 20, maxMs: 100 } })
      store.onHealth((health) => seen.push(health))
      await expectAllKept()
    })
  }

  it('said so as it happened', () => {
    expect(seen).to.deep.equal(['STORE_FULL', 'ready', 'STORE_FULL', 'ready'])
  })
})
