// What signals do to a server, and what it shows of its memory.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { health, plainClient, refusal, storeOnce, until } from './calls.js'
import { makeCertificates } from './certificates.js'
import { distFolder, type RunOptions, type Server, sandbox } from './processes.js'

const record = { userId: 'JTH', data: Buffer.from('PAYLOADS') }

describe('e2e: signals', () => {
  const box = sandbox()
  const logOf = (folder: string) => readFileSync(join(folder, 'beserver.log'), 'utf8')
  const eventsOf = (folder: string) =>
    logOf(folder)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  it('SIGUSR1 reopens the log and opens no debugger, SIGUSR2 changes nothing', async () => {
    const folder = box.folder()
    const backend = await box.backend({ set: { 'log.dir': folder } })
    const frontend = await box.frontend({ backend })
    renameSync(join(folder, 'beserver.log'), join(folder, 'rotated'))
    for (const server of [backend, frontend]) {
      server.kill('SIGUSR1')
      server.kill('SIGUSR2')
    }
    await until(() => existsSync(join(folder, 'beserver.log')))
    await storeOnce(plainClient(box, frontend.address), record, Date.now() + 10_000)
    await backend.stop()
    await frontend.stop()
    expect(eventsOf(folder).map(({ event }) => event)).to.include('stop')
    for (const server of [backend, frontend]) expect(server.stderr()).not.to.include('Debugger')
  })

  it('SIGHUP reloads the log level without a terminal', async () => {
    const [folder, config] = [box.folder(), join(box.folder(), 'config.json')]
    const withLevel = (level: string) => writeFileSync(config, JSON.stringify({ log: { level, dir: folder } }))
    withLevel('error')
    const backend = await box.backend({ detached: true, args: ['--config', config] })
    expect(logOf(folder)).to.equal('')
    withLevel('info')
    backend.kill('SIGHUP')
    await until(() => logOf(folder).includes('reload'))
    withLevel('loud')
    backend.kill('SIGHUP')
    await until(() => logOf(folder).includes('reload failed'))
    expect(await health(backend)).to.equal('SERVING')
    await backend.stop()
    const [, failed] = eventsOf(folder)
    expect(failed).to.include({ level: 'error', event: 'reload failed' })
    expect(failed.why).to.include('log.level')
  })

  it('SIGHUP lets both servers and the way between them use renewed certificates', async () => {
    const folder = box.folder()
    const file = (name: string) => join(folder, name)
    makeCertificates(folder, 'first', ['one'])
    makeCertificates(folder, 'second', ['two'])
    const use = (authority: string, name: string) => {
      for (const [from, to] of [
        [`${authority}.crt`, 'ca'],
        [`${name}.crt`, 'cert'],
        [`${name}.key`, 'key'],
      ] as const)
        writeFileSync(file(to), readFileSync(file(from)))
    }
    use('first', 'one')
    const identity = { certFile: file('cert'), keyFile: file('key') }
    const tls = (section: string, settings: object) =>
      Object.fromEntries(
        Object.entries({ ...identity, ...settings }).map(([name, value]) => [`${section}.tls.${name}`, value]),
      )
    const backend = await box.backend({ detached: true, set: tls('backend', { clientCaFile: file('ca') }) })
    const set = { ...tls('frontend', { clientCaFile: file('ca') }), ...tls('frontend.backend', { caFile: file('ca') }) }
    const frontend = await box.frontend({ backend, detached: true, set })
    const clientOf = (authority: string, name: string) => {
      const files = { caFile: file(`${authority}.crt`), certFile: file(`${name}.crt`), keyFile: file(`${name}.key`) }
      return box.client({ address: frontend.address, tls: files })
    }
    const first = clientOf('first', 'one')
    await first.storeRecord(record)
    use('second', 'two')
    for (const server of [backend, frontend]) server.kill('SIGHUP')
    const second = clientOf('second', 'two')
    await until(async () => (await second.storeRecord(record, { timeoutMs: 500 }).catch(() => undefined)) !== undefined)
    expect(await first.listRecords({ userId: 'JTH' })).to.have.property('records') // on its connection
    expect((await refusal(clientOf('first', 'one').listRecords({ userId: 'JTH' }))).reason).to.equal('UNREACHABLE')
  })

  it('SIGHUP stops a server whose terminal was closed', async () => {
    const folder = box.folder()
    const flags = [
      '--set',
      'backend.port=0',
      '--set',
      `backend.dataDir=${join(folder, 'store')}`,
      '--set',
      `log.dir=${folder}`,
    ]
    const command = [process.execPath, join(distFolder, 'cmd', 'beserver.js'), ...flags]
    const terminal: ChildProcess = spawn('python3', ['-c', 'import pty, sys; pty.spawn(sys.argv[1:])', ...command], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    box.defer(() => terminal.kill('SIGKILL'))
    const log = () => (existsSync(join(folder, 'beserver.log')) ? logOf(folder) : '')
    await until(() => log().includes('"event":"start"'))
    terminal.kill('SIGKILL')
    await once(terminal, 'exit')
    await until(() => log().includes('"event":"stop"'))
  })

  it('a core dump would have no memory', async () => {
    const backend: Server = await box.backend()
    expect(readFileSync(`/proc/${backend.pid}/coredump_filter`, 'utf8').trim()).to.match(/^0+$/)
  })

  const revealing: RunOptions[] = [
    { nodeOptions: ['--inspect=127.0.0.1:0'] },
    { env: { NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2' } },
  ]
  for (const options of revealing) {
    it(`does not start with ${JSON.stringify(options)}`, async () => {
      const refused = box.run('feserver', options)
      expect(await refused.exited).to.deep.equal({ code: 2, signal: null })
      expect(refused.stderr()).to.match(/error: --(inspect|heapsnapshot-signal) of Node\.js is set, which shows keys/)
    })
  }
})
