// One process for one machine: `enc-server up`, and what `enc-server doctor` says of it.
import { join } from 'node:path'
import { expect } from 'chai'
import { pause, plainClient, refusal, until } from './calls.js'
import { describeEngines } from './engines.js'
import { type Server, sandbox } from './processes.js'

const storeRecords = '/encserver.v1.FrontendService/StoreRecords'
const data = Buffer.from('PAYLOADS'.repeat(8))

describeEngines('e2e: the vault as one process', (engine) => {
  const box = sandbox(engine)
  let folder: string

  function settings(port = 0): string[] {
    const set = {
      'frontend.port': port,
      'frontend.keyringFile': join(folder, 'frontend', 'keyring.json'),
      'frontend.backend.address': '127.0.0.1:9', // the discard port: nobody listens there
      ...box.stores.settings(join(folder, 'backend')),
    }
    return Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  }

  const up = (): Promise<Server> => box.start('enc-server', { args: ['up', ...settings()] })

  async function doctor(port: number, ...flags: string[]) {
    const running = box.run('enc-server', { args: ['doctor', ...settings(port), ...flags] })
    const { code } = await running.exited
    return { code, lines: running.stdout().trim().split('\n'), stderr: running.stderr() }
  }

  before(() => {
    folder = box.folder()
  })

  it('keeps records across a restart, and opens none without its token', async () => {
    const first = await up()
    const keyringFile = join(folder, 'frontend', 'keyring.json')
    const made = `enc-server: created a keyring at ${keyringFile}; back it up: without it no record can be read\n`
    expect(first.stderr()).to.include(made)
    const { recordKey } = await box.client(first).storeRecord({ userId: 'JTH', data })
    expect(await first.stop()).to.deep.equal({ code: 0, signal: null })
    const second = await up()
    expect(second.stderr()).to.not.include('created a keyring')
    const client = box.client(second)
    expect((await client.retrieveRecord({ userId: 'JTH', recordKey })).data).to.deep.equal(data)
    expect(await refusal(client.retrieveRecord({ userId: 'JTH' }))).to.include({ reason: 'RECORD_KEY_MISMATCH' })
    await second.stop()
  })

  if (engine === 'level')
    it('has no second owner of its store', async () => {
      const first = await up()
      const other = box.run('beserver', { set: { 'backend.port': 0, 'backend.dataDir': join(folder, 'backend') } })
      expect((await other.exited).code).to.equal(1)
      expect(other.stderr()).to.include('STORE_UNAVAILABLE')
      await first.stop()
    })
  else
    it('shares its store with a back end beside it', async () => {
      const first = await up()
      const backend = await box.backend({ dataDir: join(folder, 'backend') })
      const second = await box.frontend({ backend, keyringFile: join(folder, 'frontend', 'keyring.json') })
      const { recordKey } = await box.client(first).storeRecord({ userId: 'JTH', recordName: 'shared', data })
      const request = { userId: 'JTH', recordName: 'shared', recordKey }
      expect((await box.client(second).retrieveRecord(request)).data).to.deep.equal(data)
      for (const server of [second, backend, first]) await server.stop()
    })

  it('stops at a signal when calls in flight have ended, and at a second one at once', async () => {
    const vault = await up()
    const same = (bytes: Buffer) => bytes
    const open = plainClient(box, vault.address).makeBidiStreamRequest(storeRecords, same, same)
    open.on('error', () => undefined).resume()
    await pause(300)
    vault.kill('SIGINT')
    await until(() => vault.stderr().endsWith('\nenc-server: stopping\n'))
    expect(await vault.stop('SIGTERM')).to.deep.equal({ code: 143, signal: null })
    expect(vault.stderr()).to.match(/\nenc-server: stopping at once: calls in flight are aborted\n$/)
  })

  it('is healthy in the doctor’s eyes while it runs, and not when it is gone', async () => {
    const vault = await up()
    const well = await doctor(vault.port)
    expect(well.stderr).to.equal('')
    expect(well.code).to.equal(0)
    const states = well.lines.map((line) => line.slice(0, 8).trim())
    expect(states).to.deep.equal(['ok', 'warning', 'ok', 'ok', 'ok', 'ok']) // there is no file: all is set by flags
    await vault.stop()
    const ill = await doctor(vault.port, '--json')
    expect(ill.code).to.equal(1)
    const found = ill.lines.map((line) => JSON.parse(line) as { what: string; state: string })
    expect(found.filter(({ state }) => state === 'error').map(({ what }) => what)).to.deep.equal([
      'back end',
      'front end',
    ])
  })
})
