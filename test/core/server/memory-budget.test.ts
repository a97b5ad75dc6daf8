import { expect } from 'chai'
import type { VaultError } from '../../../src/core/errors.js'
import type { IncomingCall } from '../../../src/core/server/incoming-call.js'
import { MemoryBudget } from '../../../src/core/server/memory-budget.js'
import { atEnd, releaseAll, until } from '../fake-frontend.js'
import { rawStreams, serveHandlers } from '../fake-streams.js'

const path = '/test.Held/Hold'
const same = (bytes: Buffer) => bytes

class CountedBudget extends MemoryBudget {
  held = 0

  override take(bytes: number): void {
    super.take(bytes)
    this.held += bytes
  }
}

/** A server whose calls wait for the test to read or end them. */
async function serveWaiting(maxBytes: number) {
  const calls: IncomingCall[] = []
  const budget = new CountedBudget(maxBytes)
  const { address } = await serveHandlers(new Map([[path, (call: IncomingCall) => void calls.push(call)]]), budget)
  const client = rawStreams(address)
  const send = async (bytes: number) => {
    const before = calls.length
    const call = client.makeClientStreamRequest(path, same, same, () => undefined)
    atEnd(() => call.cancel())
    call.write(Buffer.alloc(bytes))
    await until(() => calls.length > before)
    return { call, served: calls.at(-1) as IncomingCall }
  }
  return { send, budget }
}

describe('memory budget', () => {
  afterEach(releaseAll)

  it('rejects a call while others hold the budget, and accepts it after they end', async () => {
    const { send, budget } = await serveWaiting(50_000)
    const first = await send(40_000)
    await until(() => budget.held >= 40_000)
    const second = await send(40_000)
    const refused = (await second.served.read().catch((error: unknown) => error)) as VaultError
    expect(refused).to.include({ reason: 'OVERLOADED', retryAfterMs: 100 })
    first.served.end('first')
    await until(() => !budget.isSpentFor(40_000))
    const third = await send(40_000)
    expect(await third.served.read()).to.have.length(40_000)
  })

  it('accepts small calls while large ones hold the budget, up to a reserve', async () => {
    const { send, budget } = await serveWaiting(50_000)
    await send(40_000)
    await until(() => budget.held >= 40_000)
    budget.take(10_001)
    const small = await send(1_000)
    expect(await small.served.read()).to.have.length(1_000)
    budget.take(12_500)
    const late = await send(1_000)
    const refused = (await late.served.read().catch((error: unknown) => error)) as VaultError
    expect(refused).to.include({ reason: 'OVERLOADED' })
  })

  it('counts a complete message until its caller has ended the requests', async () => {
    const { send, budget } = await serveWaiting(10_000)
    const { call, served } = await send(9_000)
    const only = served.readOnly()
    await until(() => budget.held >= 9_000)
    budget.take(5_000)
    expect(budget.isSpentFor(40_000)).to.equal(true)
    call.end()
    expect(await only).to.have.length(9_000)
    expect(budget.isSpentFor(40_000)).to.equal(false)
  })

  for (const end of ['read', 'answered', 'cancelled'] as const) {
    it(`gets back the bytes of a call that was ${end}`, async () => {
      const { send, budget } = await serveWaiting(10_000)
      const { call, served } = await send(9_000)
      const isHeld = () => {
        budget.take(5_000)
        const isSpent = budget.isSpentFor(40_000)
        budget.take(-5_000)
        return isSpent
      }
      await until(isHeld)
      if (end === 'read') await served.read()
      if (end === 'answered') served.end('x')
      if (end === 'cancelled') call.cancel()
      await until(() => !isHeld())
    })
  }
})
