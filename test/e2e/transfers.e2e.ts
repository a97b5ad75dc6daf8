// Records that fit nobody's memory, through the real processes: 256 MiB, or as many GiB as TRANSFER_GIB says.
import { expect } from 'chai'
import type { FrontendClient } from '../../src/frontend/client.js'
import { pause } from './calls.js'
import { watchMemory } from './memory.js'
import { lastingPort, type Server, sandbox } from './processes.js'
import { seededContents, seededSha256, sha256Of } from './seeded-contents.js'

const MiB = 1024 * 1024
const size = process.env['TRANSFER_GIB'] ? Number(process.env['TRANSFER_GIB']) * 1024 * MiB : 256 * MiB
const mostMiB = 300
const slowSeconds = 6

describe('e2e: transfers', () => {
  const box = sandbox()
  let backend: Server
  let frontend: Server
  let client: FrontendClient
  let restartFrontend: () => Promise<Server>
  const record = { userId: 'alice', recordName: 'large' }
  let recordKey = ''
  const up = { ms: 0, most: {} as Record<string, number> }
  before(async function () {
    this.timeout(60_000 + size / 1000)
    backend = await box.backend()
    const port = await lastingPort()
    const keyringFile = `${box.folder()}/keyring.json`
    restartFrontend = () => box.frontend({ backend, port, keyringFile })
    frontend = await restartFrontend()
    client = box.client(frontend)
    const memory = watchMemory(backend, frontend)
    const startedAt = performance.now()
    ;({ recordKey } = await client.uploadRecord(record, seededContents(1, size)))
    Object.assign(up, { ms: performance.now() - startedAt, most: memory.stop() })
  })

  const expected = seededSha256(1, size)

  it(`${size / MiB} MiB go up and come back, and neither process holds them`, async function () {
    this.timeout(60_000 + size / 1000)
    const memory = watchMemory(backend, frontend)
    const startedAt = performance.now()
    const { record: found, chunks } = await client.downloadRecord({ record: { ...record, recordKey } })
    expect(found.sizeBytes).to.equal(BigInt(size))
    expect(await sha256Of(chunks)).to.deep.equal({ sha256: expected, bytes: size })
    const down = { ms: performance.now() - startedAt, most: memory.stop() }
    for (const [which, { ms, most }] of Object.entries({ up, down })) {
      const rate = Math.round((size / MiB / ms) * 1000)
      process.stdout.write(`    ${rate} MiB/s ${which}; at most ${JSON.stringify(most)} MiB\n`)
      for (const used of Object.values(most)) expect(used).to.be.below(mostMiB)
    }
  })

  it('a reader of 1 MiB/s holds both processes back, and gets its bytes', async function () {
    this.timeout(90_000)
    const memory = watchMemory(backend, frontend)
    const length = Math.min(size, 128 * MiB)
    const { chunks } = await client.downloadRecord({ record: { ...record, recordKey }, length: BigInt(length) })
    let slowBytes = 0
    const slowly = async function* () {
      const startedAt = Date.now()
      for await (const chunk of chunks) {
        yield chunk
        if (Date.now() - startedAt > slowSeconds * 1000) continue
        slowBytes += chunk.length
        await pause((chunk.length / MiB) * 1000)
      }
    }
    const { bytes, sha256 } = await sha256Of(slowly())
    const most = memory.stop()
    expect({ bytes, sha256 }).to.deep.equal({ bytes: length, sha256: seededSha256(1, length) })
    expect(slowBytes / MiB).to.be.within(1, slowSeconds + 2)
    process.stdout.write(`    at most ${JSON.stringify(most)} MiB\n`)
    for (const used of Object.values(most)) expect(used).to.be.below(mostMiB)
  })

  it('a download goes on after its front end was killed, and started again', async function () {
    this.timeout(90_000)
    const length = 64 * MiB
    const { chunks } = await client.downloadRecord({ record: { ...record, recordKey }, length: BigInt(length) })
    let killed: Promise<void> | undefined
    const interrupted = async function* () {
      let bytes = 0
      for await (const chunk of chunks) {
        yield chunk
        bytes += chunk.length
        if (bytes > length / 2) killed ??= frontend.stop('SIGKILL').then(restart)
      }
    }
    const restart = async () => {
      frontend = await restartFrontend()
    }
    expect(await sha256Of(interrupted())).to.deep.equal({ bytes: length, sha256: seededSha256(1, length) })
    expect(killed).not.to.equal(undefined)
    await killed
  })
})
