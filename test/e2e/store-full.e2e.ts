// The back end's disk is full: writes are refused, reads go on, and with space back it goes on by itself. The disk is a
// small tmpfs, which takes root to mount.
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventsOf, health, refusal, skip, until } from './calls.js'
import { sandbox } from './processes.js'

const diskMiB = 240
const ballastMiB = 160 // more than a log and a table of 64 MiB each
const recordBytes = 1024 * 1024
const userId = 'JTH'

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

describe('e2e: the store is full', () => {
  const box = sandbox()
  let disk: string

  before(function () {
    disk = box.folder()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'enc-server-e2e', disk], { stdio: 'pipe' })
    } catch (error) {
      return skip(this, `cannot mount a tmpfs: ${(error as { stderr?: Buffer }).stderr ?? error}`.trim())
    }
    // Lazy: it must go even if a process is still in it.
    box.defer(() => execFileSync('umount', ['--lazy', disk]))
  })

  it('STORE_FULL, reads go on, not ready; with space back it recovers, and has what it acknowledged', async function () {
    this.timeout(120_000)
    const ballast = join(disk, 'ballast')
    writeFileSync(ballast, Buffer.alloc(ballastMiB * 1024 * 1024))
    const dataDir = join(disk, 'backend')
    const backend = await box.backend({ dataDir })
    const frontend = await box.frontend({ backend })
    const client = box.client(frontend)
    const stored: { recordName: string; recordKey: string; hash: string }[] = []

    async function store(bytes: number): Promise<void> {
      const recordName = `record ${stored.length}`
      const data = randomBytes(bytes)
      const { recordKey } = await client.storeRecord({ userId, recordName, data })
      stored.push({ recordName, recordKey, hash: sha256(data) })
    }

    async function open({ recordName, recordKey, hash }: (typeof stored)[number]): Promise<void> {
      const { data } = await client.retrieveRecord({ userId, recordName, recordKey })
      expect(sha256(data), recordName).to.equal(hash)
    }

    async function openAll(): Promise<void> {
      for (const each of stored) await open(each)
      let listed = 0
      for await (const _ of client.eachRecord({ userId })) listed += 1
      expect(listed).to.equal(stored.length)
    }

    const fill = async () => {
      for (;;) await store(recordBytes)
    }
    const full = await refusal(fill())
    expect(full.reason).to.equal('STORE_FULL')
    expect(full.kind).to.equal('exhausted')
    expect(full.retryAfterMs).to.be.greaterThan(0)
    expect(stored.length).to.be.greaterThan(15)
    expect((await refusal(store(100))).reason).to.equal('STORE_FULL') // a small one is no exception
    expect((await refusal(client.deleteRecord({ userId, recordName: 'record 0' }))).reason).to.equal('STORE_FULL')
    await openAll()
    expect(await health(backend)).to.equal('NOT_SERVING')
    expect(await health(backend, 'encserver.v1.BackendService')).to.equal('NOT_SERVING')
    expect(await health(frontend)).to.equal('SERVING') // its reads go on

    rmSync(ballast)
    await until(async () => (await health(backend)) === 'SERVING', 30_000)
    await store(recordBytes)
    await store(100)
    await openAll()
    const changes = eventsOf(backend.stdout()).filter(({ event }) => event === 'store')
    expect(changes.map((change) => change['health'])).to.deep.equal(['STORE_FULL', 'ready'])

    expect(await backend.stop()).to.deep.equal({ code: 0, signal: null })
    const again = await box.backend({ dataDir, port: backend.port })
    expect(again.port).to.equal(backend.port)
    await until(() => client.listRecords({ userId }).then(Boolean, () => false))
    await openAll()
    process.stdout.write(`    ${stored.length} records of ${diskMiB} MiB disk, all there\n`)
  })
})
