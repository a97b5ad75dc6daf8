// What callers see when the back end is away, slow or cut off: a sure answer, in time, and no record twice.
import { join } from 'node:path'
import { expect } from 'chai'
import type { FrontendClient } from '../../src/frontend/client.js'
import { eventsIn, type LogEvent, pause, plainClient, refusal, storeOnce, until } from './calls.js'
import { describeEngines } from './engines.js'
import { lastingPort, type Sandbox, type Server, sandbox } from './processes.js'
import { startProxy, type TcpProxy } from './proxy.js'

const data = Buffer.from('PAYLOADS'.repeat(8))
const record = { userId: 'JTH', data }
const smallestStore = 500 // bytes of an envelope, its entry and its ids; what else goes up is smaller

interface Vault {
  backend: Server
  proxy: TcpProxy
  frontend: Server
  client: FrontendClient
  /** The calls that a service has logged. */
  calls(service: 'backend' | 'frontend', requestId: string): LogEvent[]
}

async function startVault(box: Sandbox): Promise<Vault> {
  const folder = box.folder()
  const backend = await box.backend({ dataDir: join(folder, 'backend') })
  const proxy = await startProxy(box, backend)
  const frontend = await box.frontend({ backend: proxy, keyringFile: join(folder, 'frontend', 'keyring.json') })
  const client = box.client(frontend)
  await client.storeRecord({ ...record, recordName: 'first' })
  const calls: Vault['calls'] = (service, requestId) => {
    const events = eventsIn(join(folder, service, 'log', service === 'backend' ? 'beserver.log' : 'feserver.log'))
    return events.filter((event) => event.event === 'call' && event.requestId === requestId)
  }
  return { backend, proxy, frontend, client, calls }
}

describeEngines('e2e: the back end is down', (engine) => {
  const box = sandbox(engine)

  it('calls are refused with BACKEND_UNAVAILABLE well within their deadline, and work once it is back', async () => {
    const dataDir = join(box.folder(), 'backend')
    const backend = await box.backend({ dataDir, port: await lastingPort() })
    const frontend = await box.frontend({ backend })
    const client = box.client(frontend)
    const { recordKey } = await client.storeRecord(record)
    await backend.stop('SIGKILL')

    const calls = {
      store: () => client.storeRecord(record),
      retrieve: () => client.retrieveRecord({ userId: 'JTH', recordKey }),
      list: () => client.listRecords({ userId: 'JTH' }),
      delete: () => client.deleteRecord({ userId: 'JTH' }),
    }
    for (const [name, call] of Object.entries(calls)) {
      const started = Date.now()
      const { reason, kind, message, requestId } = await refusal(call())
      expect({ name, reason, kind }).to.deep.equal({ name, reason: 'BACKEND_UNAVAILABLE', kind: 'unavailable' })
      expect(message).to.equal('the back end cannot be reached; try again later') // no address of ours
      expect(requestId).to.be.a('string')
      expect(Date.now() - started).to.be.below(5_000)
    }
    const hurried = await refusal(client.storeRecord(record, { timeoutMs: 300 }))
    expect(hurried.reason).to.be.oneOf(['BACKEND_UNAVAILABLE', 'DEADLINE_EXCEEDED'])

    await box.backend({ dataDir, port: backend.port })
    await until(() => client.retrieveRecord({ userId: 'JTH', recordKey }).then(Boolean, () => false), 5_000)
    expect((await client.storeRecord(record)).version).to.equal(2n) // none of the refused stores took effect
  })
})

describeEngines('e2e: the back end is slow', (engine) => {
  const box = sandbox(engine)
  let vault: Vault

  before(async () => {
    vault = await startVault(box)
  })

  it("DEADLINE_EXCEEDED at the caller's deadline, not later, and the front end lets the call go", async () => {
    const { proxy, client, calls } = vault
    proxy.stall()
    const requestId = 'slow-1'
    const started = Date.now()
    const refused = await refusal(client.storeRecord(record, { timeoutMs: 600, requestId }))
    expect(refused.reason).to.equal('DEADLINE_EXCEEDED')
    expect(Date.now() - started).to.be.within(550, 1_500)
    // The caller's own clock would have ended the call anyhow: the front end must have ended it too, and either may be first.
    await until(() => calls('frontend', requestId).length > 0)
    const [event] = calls('frontend', requestId)
    expect(event?.status).to.be.oneOf(['DEADLINE_EXCEEDED', 'CANCELLED'])
    expect(event?.ms).to.be.within(400, 1_500)
    proxy.resume()
    await client.storeRecord(record)
  })

  it('a caller who cancels is let go at once', async () => {
    const { proxy, client, calls } = vault
    proxy.stall()
    const leaving = new AbortController()
    const requestId = 'cancelled-1'
    const cancelled = refusal(client.storeRecord(record, { signal: leaving.signal, requestId }))
    await pause(150)
    leaving.abort()
    expect((await cancelled).reason).to.equal('CANCELLED')
    await until(() => calls('frontend', requestId).length > 0, 2_000)
    expect(calls('frontend', requestId)[0]).to.include({ status: 'CANCELLED' })
    proxy.resume()
    await client.storeRecord(record)
  })

  it('a caller without a deadline gets the configured one', async () => {
    const backend = await box.backend()
    const proxy = await startProxy(box, backend)
    const frontend = await box.frontend({ backend: proxy, set: { 'frontend.defaultDeadlineMs': 500 } })
    const client = plainClient(box, frontend.address)
    await storeOnce(client, record, Number.POSITIVE_INFINITY)
    proxy.stall()
    const started = Date.now()
    const refused = await refusal(storeOnce(client, record, Number.POSITIVE_INFINITY))
    expect(refused.reason).to.equal('DEADLINE_EXCEEDED')
    expect(refused.requestId).to.be.a('string') // it is the server's answer
    expect(Date.now() - started).to.be.within(450, 1_500)
  })
})

describeEngines('e2e: the connection to the back end breaks during a store', (engine) => {
  const box = sandbox(engine)
  let vault: Vault

  before(async () => {
    vault = await startVault(box)
  })

  /** Lets a store reach the back end, holds its answer back, and cuts the connection when it has been worked on. */
  function cutAnswers(times: number): void {
    let left = times
    let holding = false
    vault.proxy.filter((direction, piece) => {
      if (left > 0 && !holding && direction === 'up' && piece.length > smallestStore) {
        holding = true
        setTimeout(() => {
          left -= 1
          holding = false
          vault.proxy.cut()
        }, 150)
      }
      return direction === 'up' || !holding
    })
  }

  it('in the request: it is made again, and stored once', async () => {
    const { proxy, client, calls } = vault
    let sent = 0
    proxy.filter((direction, piece) => {
      if (direction === 'up') sent += piece.length
      if (sent < 500_000) return true
      proxy.filter(() => true)
      proxy.cut()
      return false
    })
    const large = Buffer.alloc(1_000_000, 'large')
    const name = { userId: 'JTH', recordName: 'cut in the request' }
    const { recordKey, version } = await client.storeRecord({ ...name, data: large }, { requestId: 'cut-1' })
    expect(sent).to.be.within(500_000, 1_000_000)
    expect(version).to.equal(1n)
    expect((await client.retrieveRecord({ ...name, recordKey })).data.equals(large)).to.equal(true)
    const worked = () => calls('backend', 'cut-1').filter(({ status }) => status === 'OK')
    await until(() => worked().length > 0) // log lines are written a moment later
    expect(worked()).to.have.length(1)
  })

  it('before the answer: it is made again, and stored once', async () => {
    const { proxy, client, calls } = vault
    cutAnswers(1)
    const name = { userId: 'JTH', recordName: 'cut before the answer' }
    const { recordKey, version } = await client.storeRecord({ ...name, data }, { requestId: 'cut-2' })
    proxy.resume()
    expect(version).to.equal(1n)
    expect((await client.retrieveRecord({ ...name, recordKey })).data.equals(data)).to.equal(true)
    // The back end did both and answered both: the second was known by its key id.
    await until(() => calls('backend', 'cut-2').length >= 2 && calls('frontend', 'cut-2').length > 0)
    expect(calls('frontend', 'cut-2')).to.have.length(1)
  })

  it('before every answer: OUTCOME_UNKNOWN, and the record is whole or not there', async () => {
    const { proxy, client } = vault
    cutAnswers(100)
    const name = { userId: 'JTH', recordName: 'never answered' }
    const refused = await refusal(client.storeRecord({ ...name, keyMode: 2, data }))
    expect(refused.reason).to.equal('OUTCOME_UNKNOWN')
    expect(refused.kind).to.equal('unavailable')
    proxy.filter(() => true)
    proxy.cut()
    await until(() => client.listRecords({ userId: 'JTH' }).then(Boolean, () => false), 5_000)
    const opened = await client.retrieveRecord(name)
    expect(opened.data.equals(data)).to.equal(true)
    expect(opened.record?.version).to.equal(1n)
  })

  it('with a precondition, a store that took effect is not refused by itself', async () => {
    const { proxy, client } = vault
    cutAnswers(1)
    const name = { userId: 'JTH', recordName: 'absent before' }
    const precondition = { condition: { $case: 'absent' as const, value: true } }
    const { recordKey, version } = await client.storeRecord({ ...name, data, precondition })
    proxy.resume()
    expect(version).to.equal(1n)
    expect((await client.retrieveRecord({ ...name, recordKey })).data.equals(data)).to.equal(true)
  })
})
