// What hinders a start is said on standard error in words that help, with exit code 2 for what can never work and 1 for
// what may pass. A refused start changes nothing.
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { ClassicLevel } from 'classic-level'
import { type Program, type RunOptions, type Server, sandbox } from './processes.js'

describe('e2e: starts that fail', () => {
  const box = sandbox()
  let folder: string

  beforeEach(() => {
    folder = box.folder()
  })

  /** Starts a program that must end by itself; returns its exit code and what it printed. */
  async function failing(program: Program, options: RunOptions) {
    const running = box.run(program, options)
    const timer = setTimeout(() => running.kill('SIGKILL'), 15_000)
    const { code, signal } = await running.exited
    clearTimeout(timer)
    expect(signal, `it had to be killed: ${running.stderr()}`).to.equal(null)
    return { code, stderr: running.stderr(), stdout: running.stdout() }
  }

  function configured(content: unknown): string[] {
    const file = join(folder, 'config.json')
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    return ['--config', file]
  }

  const backendAt = (dataDir: string, port = 0) => ({ 'backend.dataDir': dataDir, 'backend.port': port })
  const frontendAt = (keyringFile: string, { address }: { address: string }) => ({
    'frontend.port': 0,
    'frontend.keyringFile': keyringFile,
    'frontend.backend.address': address,
  })

  describe('configuration', () => {
    const hint = 'hint: docs/configuration.md lists every setting, its values and its default'

    it('names an unknown setting', async () => {
      const args = configured({ backend: { prot: 1 } })
      const { code, stderr } = await failing('beserver', { args })
      expect(stderr).to.equal(
        `error: INVALID_REQUEST: wrong settings:\n  ${args[1]}: backend.prot: no such setting; did you mean port?\n${hint}\n`,
      )
      expect(code).to.equal(2)
    })

    it('names an unknown section', async () => {
      const args = configured({ backnd: {} })
      const { code, stderr } = await failing('feserver', { args })
      expect(stderr).to.equal(
        `error: INVALID_REQUEST: wrong settings:\n` +
          `  ${args[1]}: unknown section 'backnd'; the sections are frontend, backend, log\n${hint}\n`,
      )
      expect(code).to.equal(2)
    })

    it('names all mistakes at once, of the file, the environment and the flags', async () => {
      const args = configured({ gateway: {}, backend: { prot: 1, tls: true, drainMs: 'soon' } })
      const { code, stderr } = await failing('beserver', {
        args: [...args, '--set', 'backend.nope=1', '--set', 'backend.port'],
        env: { ENC_SERVER_LOG_STDOUT: 'ture' },
      })
      expect(stderr).to.equal(
        [
          'error: INVALID_REQUEST: wrong settings:',
          `  ${args[1]}: unknown section 'gateway'; the sections are frontend, backend, log`,
          `  ${args[1]}: backend.prot: no such setting; did you mean port?`,
          `  ${args[1]}: backend.tls: must be an object`,
          '  --set backend.nope: no such setting',
          '  --set backend.port: must be setting=value, as in --set log.level=debug',
          `  ${args[1]}: backend.drainMs: must be a whole number from 0 to 600000: value was "soon"`,
          '  ENC_SERVER_LOG_STDOUT: must be true or false: value was "ture"',
          hint,
          '',
        ].join('\n'),
      )
      expect(code).to.equal(2)
      expect(existsSync(join(folder, 'data'))).to.equal(false)
    })

    it('leaves the sections of other services to them', async () => {
      const args = configured({ frontend: { prot: 1 }, backend: { port: 0, dataDir: join(folder, 'backend') } })
      const backend = await box.start('beserver', { args })
      expect((await backend.stop()).code).to.equal(0)
    })

    it('names a configuration file that does not exist or is not JSON', async () => {
      const file = join(folder, 'absent.json')
      const which = 'hint: --config FILE names it, or else ENC_SERVER_CONFIG_PATH'
      const expected = `error: INVALID_REQUEST: configuration file ${file}: cannot be read (ENOENT)\n${which}\n`
      expect(await failing('beserver', { args: ['--config', file] })).to.include({ code: 2, stderr: expected })
      const env = { ENC_SERVER_CONFIG_PATH: file }
      expect(await failing('feserver', { env })).to.include({ code: 2, stderr: expected })
      const { code, stderr } = await failing('beserver', { args: configured('{"backend": {},}') })
      expect(stderr).to.match(
        /^error: INVALID_REQUEST: configuration file \S+: not valid JSON: line 1, column 16\nhint: .+\n$/,
      )
      expect(code).to.equal(2)
    })

    it('refuses flags and arguments it does not know', async () => {
      const flag = await failing('beserver', { args: ['--prot', '1'] })
      expect(flag).to.include({ code: 2, stderr: "error: unknown option '--prot'\nhint: --help shows the usage\n" })
      const argument = await failing('feserver', { args: ['start'] })
      expect(argument.stderr).to.match(/^error: too many arguments/)
      expect(argument.code).to.equal(2)
    })

    it('prints help for both, on standard output, with examples', async () => {
      for (const program of ['beserver', 'feserver'] as const) {
        const { code, stdout, stderr } = await failing(program, { args: ['--help'] })
        expect(code).to.equal(0)
        expect(stderr).to.equal('')
        expect(stdout).to.match(new RegExp(`^Usage: ${program} \\[options\\]\n`))
        expect(stdout).to.include('--config <file>').and.to.include('--set <setting=value>')
        expect(stdout).to.include(`\nExamples:\n  ${program} --config config/config.cmd.json\n`)
      }
    })
  })

  describe('addresses', () => {
    it('names a port in use, and leaves no keyring and no store behind', async () => {
      const taken = createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      box.defer(() => taken.close())
      const { port } = taken.address() as AddressInfo
      const stderr = `error: INVALID_REQUEST: cannot listen on 127.0.0.1:${port}: the port is in use\n`
      const keyringFile = join(folder, 'keyring.json')
      const dataDir = join(folder, 'backend')
      const upper = { ...frontendAt(keyringFile, await box.backend()), 'frontend.port': port }
      const lower = backendAt(dataDir, port)
      const both = Object.entries({ ...lower, ...upper }).flatMap(([name, value]) => ['--set', `${name}=${value}`])
      expect(await failing('feserver', { set: upper })).to.include({ code: 2, stderr })
      expect(await failing('beserver', { set: lower })).to.include({ code: 2, stderr })
      expect(await failing('enc-server', { args: ['up', ...both] })).to.include({ code: 2, stderr })
      expect(existsSync(keyringFile)).to.equal(false)
      expect(readdirSync(dataDir)).to.deep.equal(['log'])
    })

    it('refuses other machines without mutual TLS, both ways', async () => {
      const host = '0.0.0.0'
      const open = (section: string) =>
        `error: INVALID_REQUEST: ${section}.host: 0.0.0.0 can be reached from other machines: ` +
        'set tls.certFile, tls.keyFile and tls.clientCaFile, or insecure: true\n'
      const dataDir = join(folder, 'refused')
      const set = { ...backendAt(dataDir), 'backend.host': host }
      expect(await failing('beserver', { set })).to.include({ code: 2, stderr: open('backend') })
      expect(existsSync(join(dataDir, 'records'))).to.equal(false) // no store was made
      const own = frontendAt(join(folder, 'keyring.json'), await box.backend())
      expect(await failing('feserver', { set: { ...own, 'frontend.host': host } })).to.include({
        code: 2,
        stderr: open('frontend'),
      })
      const away = { ...own, 'frontend.backend.address': '192.0.2.1:8888' }
      expect(await failing('feserver', { set: away })).to.include({
        code: 2,
        stderr:
          'error: INVALID_REQUEST: frontend.backend.address: 192.0.2.1 is another machine: ' +
          'set tls.caFile, or insecure: true\n',
      })
      const absent = { ...own, 'frontend.backend.tls.caFile': '/absent' }
      expect(await failing('feserver', { set: absent })).to.include({
        code: 2,
        stderr: 'error: INVALID_REQUEST: frontend.backend.tls.caFile: cannot read /absent (ENOENT)\n',
      })
      const said = await box.start('beserver', { set: { ...set, 'backend.insecure': true } })
      expect((await said.stop()).code).to.equal(0)
    })
  })

  describe('keyrings', () => {
    let backend: Server
    let keyringFile: string

    // A store that was written to, and the keyring it is bound to.
    beforeEach(async () => {
      backend = await box.backend()
      keyringFile = join(folder, 'frontend', 'keyring.json')
      const frontend = await box.frontend({ backend, keyringFile })
      await box.client(frontend).storeRecord({ userId: 'JTH', data: Buffer.from('data') })
      await frontend.stop()
    })

    const idOf = (file: string) => (JSON.parse(readFileSync(file, 'utf8')) as { keyring_id: string }).keyring_id
    const refused = async (expected: { code: number; stderr: string }, file = keyringFile) => {
      const set = frontendAt(file, backend)
      expect(await failing('feserver', { set })).to.include(expected)
    }

    it('refuses one that others may read', async () => {
      chmodSync(keyringFile, 0o644)
      const stderr = `error: INVALID_REQUEST: the keyring ${keyringFile} has mode 644, so others may read it: chmod 600 it\n`
      await refused({ code: 2, stderr })
    })

    it('refuses one that cannot be read', async () => {
      const file = join(folder, 'folder.json')
      mkdirSync(file, { mode: 0o700 })
      await refused({ code: 2, stderr: `error: INVALID_REQUEST: the keyring ${file} is not a file\n` }, file)
    })

    it('refuses a damaged one, and shows nothing of it', async () => {
      const text = readFileSync(keyringFile, 'utf8')
      const keys = [...text.matchAll(/"key": "([^"]+)"/g)].map(([, key]) => key as string)
      expect(keys).to.have.length(2)
      const restore = '; restore it from its backup\nhint: the setting frontend.keyringFile names this file\n'
      const damages: [string, string][] = [
        [text.slice(0, -20), 'it is not JSON'],
        [text.replace(keys[0] as string, (keys[0] as string).slice(4)), 'pseudonym_keys 1 is not a key'],
        [text.replace('"format": 1', '"format": 2'), 'its format is not known to this version'],
        [text.replace(/"keyring_id": ".."*/, '"keyring_id": "'), 'keyring_id is not 32 hex digits'],
      ]
      for (const [damaged, what] of damages) {
        writeFileSync(keyringFile, damaged)
        const { code, stderr } = await failing('feserver', { set: frontendAt(keyringFile, backend) })
        expect(stderr).to.equal(`error: INVALID_REQUEST: ${keyringFile}: the keyring is damaged: ${what}${restore}`)
        expect(code).to.equal(2)
      }
    })

    it('refuses a keyring of another store', async () => {
      const other = join(folder, 'other', 'keyring.json')
      const first = await box.frontend({ backend: await box.backend(), keyringFile: other })
      await first.stop()
      const bound = idOf(keyringFile)
      const stderr =
        `error: KEYRING_MISMATCH: the store is bound to keyring ${bound}, this front end has ${idOf(other)}: ` +
        'give it the keyring the store was written with, or another store\n'
      await refused({ code: 1, stderr }, other)
    })

    it('makes no new one beside a used store', async () => {
      const bound = idOf(keyringFile)
      renameSync(keyringFile, `${keyringFile}.backup`)
      const stderr =
        `error: KEYRING_MISMATCH: there is no keyring in ${keyringFile}, but the store is bound to keyring ${bound}: ` +
        'restore it from its backup\n'
      await refused({ code: 1, stderr })
      expect(existsSync(keyringFile)).to.equal(false)
      renameSync(`${keyringFile}.backup`, keyringFile)
      const restored = await box.frontend({ backend, keyringFile })
      expect((await box.client(restored).listRecords({ userId: 'JTH' })).records).to.have.length(1)
    })

    it('refuses another realm than the keyring has', async () => {
      const set = { ...frontendAt(keyringFile, backend), 'frontend.realm': 'elsewhere' }
      const stderr =
        'error: KEYRING_MISMATCH: the keyring is of realm default, the configuration says elsewhere: ' +
        'a realm cannot be changed\n'
      expect(await failing('feserver', { set })).to.include({ code: 1, stderr })
    })
  })

  describe('stores', () => {
    it('refuses one that another process has open', async () => {
      const dataDir = join(folder, 'backend')
      const owner = await box.backend({ dataDir })
      const refused = await failing('beserver', { set: backendAt(dataDir) })
      expect(refused.stderr).to.equal('error: STORE_UNAVAILABLE: another process has the store open: stop it first\n')
      expect(refused.code).to.equal(1)
      await owner.stop()
      expect((await (await box.backend({ dataDir })).stop()).code).to.equal(0)
    })

    it('refuses a format it does not know, and leaves it as it is', async () => {
      const dataDir = join(folder, 'backend')
      await (await box.backend({ dataDir })).stop()
      const meta = new ClassicLevel(join(dataDir, 'meta'))
      await meta.put('format', '3')
      await meta.close()
      const refused = await failing('beserver', { set: backendAt(dataDir) })
      expect(refused.stderr).to.equal('error: STORE_FORMAT: the store has format 3; this version knows format 2\n')
      expect(refused.code).to.equal(1)
      await meta.open()
      expect(await meta.get('format')).to.equal('3')
      await meta.close()
    })

    it('refuses a folder that is a file', async () => {
      const dataDir = join(folder, 'backend')
      writeFileSync(dataDir, '')
      const refused = await failing('beserver', { set: { ...backendAt(dataDir), 'log.dir': join(folder, 'log') } })
      expect(refused.code).to.equal(2)
      expect(refused.stderr).to.equal(
        `error: INVALID_REQUEST: backend.dataDir: ${dataDir} is not a folder, and cannot be made one (EEXIST)\n`,
      )
      const own = await failing('beserver', { set: backendAt(dataDir) })
      expect(own.code).to.equal(2)
      const hint =
        'hint: without log.dir, the log is in the folder `log` in backend.dataDir, or beside frontend.keyringFile\n'
      const log = (program: string) => `cannot write ${dataDir}/log/${program}.log (ENOTDIR)\n${hint}`
      expect(own.stderr).to.equal(`error: INVALID_REQUEST: backend.dataDir: ${log('beserver')}`)
      const set = { 'frontend.keyringFile': join(dataDir, 'keyring.json') }
      const upper = await failing('feserver', { set })
      expect(upper.stderr).to.equal(`error: INVALID_REQUEST: frontend.keyringFile: ${log('feserver')}`)
    })
  })
})
