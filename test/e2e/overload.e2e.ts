// More calls than a front end answers at once: the rest is refused at once, and costs it no memory.
import { readFileSync } from 'node:fs'
import type { Client } from '@grpc/grpc-js'
import { expect } from 'chai'
import { VaultError } from '../../src/core/errors.js'
import { pause, plainClient, refusal, storeOnce, until } from './calls.js'
import { describeEngines } from './engines.js'
import { type Server, sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const maxCallsInFlight = 8
const data = Buffer.alloc(16 * 1024, 'PAYLOADS')
const allowedGrowth = 48 * 1024 * 1024 // a third of what the flood sends

function residentBytes({ pid }: Server): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) * 1024
}

describeEngines('e2e: overload', (engine) => {
  const box = sandbox(engine)
  let proxy: TcpProxy
  let frontend: Server
  let client: Client
  let held: Promise<unknown>[]

  before(async () => {
    proxy = await startProxy(box, await box.backend())
    const set = { 'frontend.maxCallsInFlight': maxCallsInFlight, 'log.level': 'error' }
    frontend = await box.frontend({ backend: proxy, set })
    client = plainClient(box, frontend.address)
    await store('warm up')
  })

  function store(recordName: string, timeoutMs = 20_000) {
    return storeOnce(client, { userId: 'JTH', recordName, data }, Date.now() + timeoutMs)
  }

  const heldMs = 300_000 // longer than any test takes: a place that becomes free lets one in that should be refused

  /** Fills every place with a call that gets no answer from the back end. */
  beforeEach(async () => {
    proxy.stall()
    held = Array.from({ length: maxCallsInFlight }, (_, index) => store(`held ${index}`, heldMs))
    for (const call of held) call.catch(() => undefined)
    await pause(300)
  })

  afterEach(async () => {
    proxy.resume()
    await Promise.allSettled(held)
  })

  it('one call more is refused at once, and says when to come again', async () => {
    const started = Date.now()
    const { reason, kind, retryAfterMs, requestId } = await refusal(store('one more'))
    expect({ reason, kind, retryAfterMs }).to.deep.equal({ reason: 'OVERLOADED', kind: 'exhausted', retryAfterMs: 100 })
    expect(requestId).to.be.a('string')
    expect(Date.now() - started).to.be.below(1_000) // and not at the end of those that wait
  })

  it('those that were let in are answered when the back end goes on, and there is room again', async () => {
    await refusal(store('refused'))
    proxy.resume()
    await Promise.all(held)
    await Promise.all(Array.from({ length: maxCallsInFlight }, (_, index) => store(`after ${index}`)))
  })

  it('a call whose caller gave up makes room', async () => {
    proxy.resume()
    await Promise.all(held)
    proxy.stall()
    const short = Array.from({ length: maxCallsInFlight }, (_, index) => refusal(store(`short ${index}`, 500)))
    await pause(100)
    expect((await refusal(store('too early'))).reason).to.equal('OVERLOADED')
    for (const { reason } of await Promise.all(short)) expect(reason).to.equal('DEADLINE_EXCEEDED')
    proxy.resume()
    await until(() => store('room again').then(Boolean, () => false), 5_000)
  })

  it('our client comes again by itself', async () => {
    const patient = box.client(frontend).storeRecord({ userId: 'JTH', recordName: 'patient', data })
    await pause(250)
    proxy.resume()
    expect((await patient).version).to.equal(1n)
  })

  it('memory does not grow with a flood of 10 000 refused calls', async () => {
    await flood(4_000) // until then it grows by what any work takes
    const before = residentBytes(frontend)
    await flood(10_000)
    const growth = residentBytes(frontend) - before
    process.stdout.write(`    memory grew by ${(growth / 1024 / 1024).toFixed(1)} MiB\n`)
    expect(growth).to.be.below(allowedGrowth)
    proxy.resume()
    await Promise.all(held)
    await store('after the flood')
  })

  /** Calls from eight sides, each as soon as the one before is refused. */
  async function flood(calls: number): Promise<void> {
    let left = calls
    const flooder = async () => {
      while (left > 0) {
        left -= 1
        const error = await store('flood').then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        if (!(error instanceof VaultError) || error.reason !== 'OVERLOADED') throw error ?? new Error('it was let in')
      }
    }
    await Promise.all(Array.from({ length: 8 }, flooder))
  }
})
