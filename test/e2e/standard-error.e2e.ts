// What programs do that cannot print what they have to say, or to log: their work, with the same results and exit codes.
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventsIn, until } from './calls.js'
import { type Broken, runBroken, startBroken } from './outputs.js'
import { type Server, sandbox } from './processes.js'

const streams: Broken[] = ['full', 'closed', 'reader gone']
const userId = 'alice'
const mebibyte = Buffer.alloc(1024 * 1024, 'm')

describe('e2e: a standard error that cannot be written', () => {
  const box = sandbox()
  let backend: Server
  let frontend: Server

  before(async () => {
    backend = await box.backend()
    frontend = await box.frontend({ backend })
  })

  /** Starts a server with both streams broken; resolves with its address, which its log file has. */
  async function startServer([program = '', ...args]: string[], logFile: string, broken: Broken) {
    const child = startBroken(box, [program, ...args], { stdout: broken, stderr: broken })
    const exited = once(child, 'close')
    const startOf = () => (existsSync(logFile) ? eventsIn(logFile).find(({ event }) => event === 'start') : undefined)
    await until(() => child.exitCode !== null || startOf() !== undefined)
    return { child, exited, address: `${startOf()?.['address']}` }
  }

  for (const broken of streams) {
    it(`ends no server, not even in the middle of transfers: ${broken}`, async () => {
      const folder = box.folder()
      const [dataDir, keyringFile] = [join(folder, 'backend'), join(folder, 'frontend', 'keyring.json')]
      const set = (settings: object) =>
        Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
      const lower = await startServer(
        ['beserver', ...set({ 'backend.port': 0, 'backend.dataDir': dataDir })],
        join(dataDir, 'log', 'beserver.log'),
        broken,
      )
      const upperSettings = {
        'frontend.port': 0,
        'frontend.backend.address': lower.address,
        'frontend.keyringFile': keyringFile,
      }
      const upper = await startServer(
        ['feserver', ...set(upperSettings)],
        join(folder, 'frontend', 'log', 'feserver.log'),
        broken,
      )
      const client = box.client(upper)
      const log = () => eventsIn(join(folder, 'frontend', 'log', 'feserver.log')).map(({ event }) => event)
      async function* contents() {
        for (let part = 0; part < 8; part += 1) yield mebibyte
        upper.child.kill('SIGTERM') // which the server says on standard error
        await until(() => log().includes('stopping'))
        yield mebibyte
      }
      const { recordKey } = await client.uploadRecord({ userId }, contents())
      expect(recordKey).to.match(/^rvk1_/)
      expect((await upper.exited)[0]).to.equal(0)
      lower.child.kill('SIGTERM')
      expect((await lower.exited)[0]).to.equal(0)
      expect(log().slice(-2)).to.deep.equal(['call', 'stop'])
    })

    it(`ends no vault in one process: ${broken}`, async () => {
      const folder = box.folder()
      const [dataDir, keyringFile] = [join(folder, 'backend'), join(folder, 'frontend', 'keyring.json')]
      const settings = { 'frontend.port': 0, 'backend.dataDir': dataDir, 'frontend.keyringFile': keyringFile }
      const flags = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
      const logFile = join(folder, 'frontend', 'log', 'enc-server.log')
      const vault = await startServer(['enc-server', 'up', ...flags], logFile, broken)
      const client = box.client(vault)
      const { recordKey } = await client.storeRecord({ userId, data: mebibyte })
      expect((await client.retrieveRecord({ userId, recordKey })).data.equals(mebibyte)).to.equal(true)
      vault.child.kill('SIGTERM')
      expect((await vault.exited)[0]).to.equal(0)
    })

    it(`ends no command, and changes no exit code: ${broken}`, async () => {
      const run = (words: string[], stdin = '') =>
        runBroken(box, words, { stderr: broken, stdin, env: { ENC_SERVER_FRONTEND_TARGET: frontend.address } })
      const stored = await run(['feclient', 'store', '--user', userId], 'text')
      expect(stored.code).to.equal(0)
      const keyFile = join(box.folder(), 'key')
      writeFileSync(keyFile, stored.stdout)
      const got = await run(['feclient', 'get', '--user', userId, '--key-file', keyFile])
      expect(got).to.include({ code: 0, stdout: 'text' })
      const lines = ['no JSON', JSON.stringify({ user: userId, name: 'a', text: 'x' })].join('\n')
      const keys = join(box.folder(), 'keys')
      expect((await run(['feclient', 'import', '--keys-out', keys], lines)).code).to.equal(1)
      expect(readFileSync(keys, 'utf8').trim().split('\n')).to.have.length(1)
      expect((await run(['feclient', 'get', '--user', userId, '--name', 'none'])).code).to.equal(1)
      expect((await run(['feclient', 'get', '--usr', userId])).code).to.equal(2)
      expect((await run(['beserver', '--set', 'backend.no=1'])).code).to.equal(2)
    })
  }
})
