// How servers start, stop and follow each other: a stop lets calls in flight finish, and a front end is ready exactly
// while its back end is.

import { join } from 'node:path'
import { expect } from 'chai'
import { health, pause, plainClient, refusal, storeOnce, until, watchHealth } from './calls.js'
import { describeEngines } from './engines.js'
import { lastingPort, sandbox } from './processes.js'
import { startProxy } from './proxy.js'

const data = Buffer.from('PAYLOADS'.repeat(8))
const record = { userId: 'JTH', data }
const soon = () => Date.now() + 10_000

describeEngines('e2e: stopping', (engine) => {
  const box = sandbox(engine)

  /** A front end whose calls to its back end can be slowed. */
  async function slowVault(set: Record<string, number> = {}) {
    const backend = await box.backend()
    const proxy = await startProxy(box, backend)
    const frontend = await box.frontend({ backend: proxy, set })
    await storeOnce(plainClient(box, frontend.address), record, soon()) // all connections are there
    return { backend, proxy, frontend, client: plainClient(box, frontend.address) }
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} lets a call in flight finish, refuses new ones and exits with 0`, async () => {
      const { proxy, frontend, client } = await slowVault()
      proxy.delay(400)
      const inFlight = storeOnce(client, { ...record, recordName: 'in flight' }, soon())
      await pause(100)
      const started = Date.now()
      frontend.kill(signal)
      await pause(200)
      expect(await health(frontend)).to.equal('UNREACHABLE') // no new connection
      expect((await inFlight).version).to.equal(1n)
      expect(await frontend.exited).to.deep.equal({ code: 0, signal: null })
      expect(Date.now() - started).to.be.within(500, 3_000)
      expect(frontend.stderr()).to.match(/\nfeserver: stopping\n$/)
    })
  }

  it('tells whoever watches its health before it closes', async () => {
    const { proxy, frontend, client } = await slowVault()
    const seen: string[] = []
    const watch = watchHealth(box, frontend.address, (status) => seen.push(status))
    await until(() => seen.at(-1) === 'SERVING')
    proxy.delay(300)
    const inFlight = storeOnce(client, record, soon())
    await pause(100)
    frontend.kill('SIGTERM')
    await watch
    await inFlight
    expect(seen.at(-1)).to.equal('NOT_SERVING')
    expect((await frontend.exited).code).to.equal(0)
  })

  it('waits no longer than drainMs for a call that hangs, and answers it', async () => {
    const { proxy, frontend, client } = await slowVault({ 'frontend.drainMs': 1_000 })
    proxy.stall()
    const hanging = refusal(storeOnce(client, record, soon()))
    await pause(200)
    const started = Date.now()
    const exit = await frontend.stop()
    const tookMs = Date.now() - started
    expect(exit).to.deep.equal({ code: 0, signal: null })
    expect(tookMs).to.be.within(900, 3_500)
    expect((await hanging).kind).to.be.oneOf(['cancelled', 'unavailable'])
  })

  it('does not wait for a back end that hangs when nothing is in flight', async () => {
    const { proxy, frontend } = await slowVault()
    proxy.stall()
    await pause(2_500) // its own question after the back end hangs now
    const started = Date.now()
    expect(await frontend.stop()).to.deep.equal({ code: 0, signal: null })
    expect(Date.now() - started).to.be.below(1_000)
  })

  it('a second signal ends it at once', async () => {
    const { proxy, frontend, client } = await slowVault()
    proxy.stall()
    const hanging = refusal(storeOnce(client, record, soon()))
    await pause(200)
    frontend.kill('SIGTERM')
    await pause(300)
    const started = Date.now()
    expect(await frontend.stop('SIGTERM')).to.deep.equal({ code: 143, signal: null })
    expect(Date.now() - started).to.be.below(500)
    expect(frontend.stderr()).to.match(
      /\nfeserver: stopping\nfeserver: stopping at once: calls in flight are aborted\n$/,
    )
    expect((await hanging).kind).to.equal('unavailable')
  })

  it('a back end under load stops without losing an answer', async () => {
    const dataDir = join(box.folder(), 'backend')
    const backend = await box.backend({ dataDir, port: await lastingPort() })
    const frontend = await box.frontend({ backend })
    const client = box.client(frontend)
    const tokens = new Map<string, string>()
    const failures = new Set<string>()
    let stopped = false
    const writers = Array.from({ length: 16 }, async (_, writer) => {
      for (let count = 0; !stopped; count += 1) {
        const recordName = `${writer}-${count}`
        await client.storeRecord({ ...record, recordName }).then(
          ({ recordKey }) => tokens.set(recordName, recordKey),
          (error: { reason: string }) => failures.add(error.reason),
        )
      }
    })
    await until(() => tokens.size > 200)
    expect(await backend.stop()).to.deep.equal({ code: 0, signal: null })
    const acknowledged = tokens.size
    await box.backend({ dataDir, port: backend.port })
    await until(() => tokens.size > acknowledged + 100) // they go on by themselves
    stopped = true
    await Promise.all(writers)
    // Refused while it was away, which is sure; no call was cut, so no outcome is unknown.
    expect([...failures].filter((reason) => reason !== 'BACKEND_UNAVAILABLE')).to.deep.equal([])
    for (const [recordName, recordKey] of tokens) {
      expect((await client.retrieveRecord({ userId: 'JTH', recordName, recordKey })).data.equals(data)).to.equal(true)
    }
  })
})

describeEngines('e2e: front end and back end come and go', (engine) => {
  const box = sandbox(engine)

  it('a front end started first waits, then serves by itself', async () => {
    const port = await lastingPort()
    const keyringFile = join(box.folder(), 'keyring.json')
    const set = {
      'frontend.port': 0,
      'frontend.keyringFile': keyringFile,
      'frontend.backend.address': `127.0.0.1:${port}`,
    }
    const frontend = box.run('feserver', { set })
    await until(() => frontend.stdout().includes('waiting for the back end'))
    expect(frontend.stdout()).to.match(/"event":"waiting for the back end".*"reason":"BACKEND_UNAVAILABLE"/)
    expect(frontend.stderr()).to.equal('')
    await box.backend({ port })
    await until(() => frontend.stderr().includes('listening on'))
    const address = /listening on (\S+),/.exec(frontend.stderr())?.[1] as string
    await until(async () => (await health({ address })) === 'SERVING')
    expect((await box.client({ address }).storeRecord(record)).version).to.equal(1n)
  })

  it('a front end that waits can be stopped', async () => {
    const frontend = box.run('feserver', {
      set: { 'frontend.backend.address': `127.0.0.1:${await lastingPort()}`, 'frontend.port': 0 },
    })
    await until(() => frontend.stdout().includes('waiting for the back end'))
    const started = Date.now()
    expect(await frontend.stop()).to.deep.equal({ code: 0, signal: null })
    expect(Date.now() - started).to.be.below(1_000)
    expect(frontend.stderr()).to.equal('')
  })

  it('a front end is ready exactly while its back end is there, without a restart', async () => {
    const dataDir = join(box.folder(), 'backend')
    const backend = await box.backend({ dataDir, port: await lastingPort() })
    const frontend = await box.frontend({ backend })
    const client = box.client(frontend)
    await until(async () => (await health(frontend)) === 'SERVING')
    const { recordKey } = await client.storeRecord(record)

    await backend.stop('SIGKILL')
    await until(async () => (await health(frontend)) === 'NOT_SERVING', 10_000)
    expect(await health(frontend, 'encserver.v1.FrontendService')).to.equal('NOT_SERVING')

    await box.backend({ dataDir, port: backend.port })
    await until(async () => (await health(frontend)) === 'SERVING', 10_000)
    expect((await client.retrieveRecord({ userId: 'JTH', recordKey })).data.equals(data)).to.equal(true)
  })

  it('a front end stops serving when its back end comes back with the store of another keyring', async () => {
    const backend = await box.backend({ port: await lastingPort() })
    const frontend = await box.frontend({ backend })
    const client = box.client(frontend)
    await client.storeRecord(record)

    const otherDir = join(box.folder(), 'backend')
    const other = await box.backend({ dataDir: otherDir })
    await box.client(await box.frontend({ backend: other })).storeRecord(record)
    await other.stop()
    await backend.stop()
    await box.backend({ dataDir: otherDir, port: backend.port })
    const connected = async () => (await refusal(client.storeRecord(record))).reason !== 'BACKEND_UNAVAILABLE'
    await until(connected, 10_000)
    expect((await refusal(client.storeRecord(record))).reason).to.equal('KEYRING_MISMATCH')
    await until(async () => (await health(frontend)) === 'NOT_SERVING', 10_000)
  })
})
