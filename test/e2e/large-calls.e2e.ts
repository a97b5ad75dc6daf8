// Many large calls at once: their bytes are bounded, not only their number, and other callers are served meanwhile.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { health } from './calls.js'
import { watchMemory } from './memory.js'
import { repoFolder, type Server, sandbox } from './processes.js'

const maxMiB = 1024
const largeBytes = 3 * 1024 * 1024

describe('e2e: many large calls at once', function () {
  this.timeout(180_000)
  const box = sandbox()
  let backend: Server
  let frontend: Server

  beforeEach(async () => {
    const set = { 'log.level': 'error' }
    backend = await box.backend({ set })
    frontend = await box.frontend({ backend, set })
  })

  async function flood(kind: 'retrieve' | 'store', count: number): Promise<{ done: number; failures: object }> {
    const script = join(repoFolder, 'test/e2e/large-calls-flood.ts')
    const args = ['--import', 'tsx', script, frontend.address, kind, `${count}`, `${largeBytes}`]
    const child = spawn(process.execPath, args, { cwd: repoFolder, stdio: ['ignore', 'pipe', 'inherit'] })
    return JSON.parse(await text(child.stdout))
  }

  /** The result of the work, and how long a health check took, at most, while it ran. */
  async function withHealth<T>(work: Promise<T>): Promise<{ result: T; slowestMs: number }> {
    let result: { value: T } | undefined
    const watched = work.then((value) => {
      result = { value }
    })
    let slowestMs = 0
    while (result === undefined) {
      const startedAt = performance.now()
      expect(await health(frontend)).to.equal('SERVING')
      slowestMs = Math.max(slowestMs, performance.now() - startedAt)
    }
    await watched
    return { result: result.value, slowestMs }
  }

  async function expectBounded(kind: 'retrieve' | 'store', count: number): Promise<{ done: number; failures: object }> {
    const memory = watchMemory(backend, frontend)
    const { result, slowestMs } = await withHealth(flood(kind, count)).finally(() => memory.stop())
    const peaks = memory.stop()
    process.stdout.write(
      `    ${JSON.stringify(result)}, health ${slowestMs.toFixed(0)} ms, ${JSON.stringify(peaks)} MiB\n`,
    )
    for (const peak of Object.values(peaks)) expect(peak).to.be.below(maxMiB)
    return result
  }

  it('1 000 retrieves of 3 MiB are all answered', async () => {
    expect(await expectBounded('retrieve', 1_000)).to.deep.equal({ done: 1_000, failures: {} })
  })

  it('600 stores of 3 MiB are answered or refused', async () => {
    const { done, failures } = await expectBounded('store', 600)
    expect(done).to.be.greaterThan(0)
    for (const failure of Object.keys(failures)) expect(failure).to.match(/^8 too /) // RESOURCE_EXHAUSTED
  })
})
