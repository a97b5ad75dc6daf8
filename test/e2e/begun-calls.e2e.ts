// Calls that begin and send nothing: their number is bounded for the whole server, and other callers are served meanwhile.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from 'chai'
import type { FrontendClient } from '../../src/frontend/client.js'
import { eventsIn, health } from './calls.js'
import { watchMemory } from './memory.js'
import { repoFolder, type Server, sandbox } from './processes.js'

const store = '/encserver.v1.FrontendService/StoreRecord'
const watch = '/grpc.health.v1.Health/Watch'
const maxHealthMs = 2_000 // 0.1 to 0.6 s on two free cores; before the bound, 4 to 10 s
const maxMiB = 512

describe('e2e: calls that begin and send nothing', function () {
  this.timeout(120_000)
  const box = sandbox()
  let frontend: Server
  let client: FrontendClient
  let log: string

  beforeEach(async () => {
    log = box.folder()
    frontend = await box.frontend({ backend: await box.backend(), set: { 'log.dir': log } })
    client = box.client(frontend)
    await client.storeRecord({ userId: 'JTH', data: Buffer.from('PAYLOADS') })
  })

  /** Resolves when the process has sent all. */
  async function flood(...args: (string | number)[]): Promise<ChildProcess> {
    const script = join(repoFolder, 'test/e2e/begun-calls-flood.ts')
    const command = ['--import', 'tsx', script, frontend.address, ...args.map(String)]
    const child = spawn(process.execPath, command, { cwd: repoFolder, stdio: ['pipe', 'pipe', 'inherit'] })
    box.defer(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    return child
  }

  /** How long a health check and a store took at most until the flood was sent and for some time after. */
  async function slowestDuring(flooding: Promise<ChildProcess>): Promise<{ healthMs: number; storeMs: number }> {
    let sentAt = Number.POSITIVE_INFINITY
    const sent = flooding.then(() => {
      sentAt = performance.now()
    })
    const slowest = { healthMs: 0, storeMs: 0 }
    for (let at = 0; performance.now() < sentAt + 3_000; at += 1) {
      const startedAt = performance.now()
      expect(await health(frontend)).to.equal('SERVING')
      const servedAt = performance.now()
      await client.storeRecord({ userId: 'JTH', recordName: `${at}`, data: Buffer.from('PAYLOADS') })
      slowest.healthMs = Math.max(slowest.healthMs, servedAt - startedAt)
      slowest.storeMs = Math.max(slowest.storeMs, performance.now() - servedAt)
    }
    await sent
    return slowest
  }

  const floods: [name: string, connections: number, calls: number, path: string, body: string][] = [
    ['50 connections with 2 047 begun calls each', 50, 2_047, store, 'none'],
    ['400 connections with 2 047 begun calls each', 400, 2_047, store, 'none'],
    ['50 connections with 2 047 health watches each', 50, 2_047, watch, 'whole'],
  ]
  for (const [name, connections, calls, path, body] of floods) {
    it(`${name}: health checks and stores go on, and memory and log stay small`, async () => {
      const memory = watchMemory(frontend)
      const slowest = await slowestDuring(flood(connections, calls, path, body)).finally(() => memory.stop())
      const { feserver: peakMiB = 0 } = memory.stop()
      const lines = eventsIn(join(log, 'feserver.log')).length
      process.stdout.write(`    ${JSON.stringify({ ...slowest, peakMiB, lines })}\n`)
      expect(slowest.healthMs).to.be.below(maxHealthMs)
      expect(peakMiB).to.be.below(maxMiB)
      expect(lines).to.be.below(5_000)
    })
  }
})
