// Callers in other languages: each example generates its stubs from proto/ as its page says, and runs the trial.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { makeCertificate } from '../core/certificates.js'
import { type Fake, releaseAll, serveFake } from '../core/fake-frontend.js'
import { skip } from './calls.js'
import { lastingPort, repoFolder, type Server, sandbox } from './processes.js'

const run = promisify(execFile)

interface Example {
  folder: string
  /** Why it cannot run on this machine; undefined if it can. */
  missing(): Promise<string | undefined>
  /** Generates the stubs. */
  prepare(): Promise<void>
  /** The program and its first arguments. */
  command: [string, ...string[]]
  oneSecond: string
}

function folderOf(language: string): string {
  return join(repoFolder, 'examples', language)
}

function works(command: string, args: string[], cwd = repoFolder): Promise<boolean> {
  return run(command, args, { cwd }).then(
    () => true,
    () => false,
  )
}

/** Does what the page tells its reader to do in order to generate. */
async function generate(folder: string, path = process.env['PATH']): Promise<void> {
  const blocks = readFileSync(join(folder, 'README.md'), 'utf8').matchAll(/^```sh\n(.*?)^```/gms)
  const commands = [...blocks].map(([, block]) => block!).find((block) => /protoc|go generate/.test(block))
  await run('bash', ['-euc', commands!], { cwd: folder, env: { ...process.env, PATH: path } })
}

// The packages stay for the next run, until others are asked for or Python is another.
const venv = join(repoFolder, 'node_modules', '.cache', 'examples-python')
const venvPython = join(venv, 'bin', 'python')

async function installPackages(folder: string): Promise<void> {
  const { stdout: version } = await run('python3', ['-VV'])
  const wanted = version + readFileSync(join(folder, 'requirements.txt'), 'utf8')
  const stamp = join(venv, 'installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  rmSync(venv, { recursive: true, force: true })
  await run('python3', ['-m', 'venv', venv])
  await run(venvPython, ['-m', 'pip', 'install', '--quiet', '-r', 'requirements.txt'], { cwd: folder })
  writeFileSync(stamp, wanted)
}

const python: Example = {
  folder: folderOf('python'),
  async missing() {
    const usable = 'import ensurepip, sys, venv; assert sys.version_info >= (3, 10)'
    if (!(await works('python3', ['-c', usable]))) return 'there is no python3 of 3.10 or later with venv on the PATH'
    return undefined
  },
  async prepare() {
    await installPackages(python.folder)
    await generate(python.folder, `${join(venv, 'bin')}${delimiter}${process.env['PATH']}`)
  },
  command: [venvPython, join(folderOf('python'), 'trial.py')],
  oneSecond: '1',
}

const go: Example = {
  folder: folderOf('go'),
  async missing() {
    if (!(await works('go', ['list', '-m'], go.folder))) return 'there is no go on the PATH as examples/go/go.mod asks'
    return undefined
  },
  prepare: () => generate(go.folder),
  command: [join(folderOf('go'), 'trial')],
  oneSecond: '1s',
}

const steps = [
  '  store     64 bytes of user JTH, version 1',
  '  retrieve  64 bytes',
  '  compare   what came out is what went in',
  '  delete    deleted',
  '  retrieve  RECORD_NOT_FOUND, as it must be',
]
const trialData = Buffer.from('PAYLOADS'.repeat(8))

describe('e2e: examples', () => {
  const box = sandbox()
  let keyringFile: string
  let backend: Server
  let frontend: Server

  before(async () => {
    keyringFile = join(box.folder(), 'keyring.json')
    backend = await box.backend()
    frontend = await box.frontend({ backend, keyringFile })
  })

  afterEach(releaseAll)

  /** Takes connections and says nothing. */
  async function silentAddress(): Promise<string> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    box.defer(() => server.close())
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  for (const [language, example] of Object.entries({ python, go })) {
    describe(language, () => {
      before(async function () {
        this.timeout(600_000) // the first time, packages are fetched and compiled
        const reason = await example.missing()
        if (reason !== undefined) return skip(this, reason)
        await example.prepare()
      })

      /** Runs the trial, which may greet, and then prints a line a step. */
      async function trial(address: string, ...flags: string[]) {
        const [program, ...first] = example.command
        const { PATH = '', HOME = '' } = process.env
        const args = [...first, '--address', address, ...flags]
        const ended = run(program, args, { env: { PATH, HOME }, timeout: 30_000 }).then(
          ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
          (error: { code: number; stdout: string; stderr: string }) => error,
        )
        const { code, stdout, stderr } = await ended
        const printed = stdout.replace(`trial against ${address}\n`, '').split('\n').slice(0, -1)
        return { code, printed, stderr }
      }

      it('the trial passes, and leaves no record behind', async () => {
        const passed = { code: 0, printed: [...steps, 'the trial passed'], stderr: '' }
        expect(await trial(frontend.address)).to.deep.equal(passed)
        const { records } = await box.client({ address: frontend.address }).listRecords({ userId: 'JTH' })
        expect(records).to.deep.equal([])
      })

      it('a record that is there already is named by its reason, and stays', async () => {
        const client = box.client({ address: frontend.address })
        const data = Buffer.from('mine')
        const { recordKey } = await client.storeRecord({ userId: 'JTH', data })
        const { code, printed, stderr } = await trial(frontend.address)
        expect({ code, printed }).to.deep.equal({ code: 1, printed: [] })
        expect(stderr).to.match(/^error: ALREADY_EXISTS: there is a record of that name \[request [0-9a-f-]{36}\]\n$/)
        expect((await client.retrieveRecord({ userId: 'JTH', recordKey })).data).to.deep.equal(data)
        await client.deleteRecord({ userId: 'JTH' })
      })

      it('a wrong address fails, and says so', async () => {
        const address = `127.0.0.1:${await lastingPort()}`
        const { code, printed, stderr } = await trial(address)
        expect({ code, printed }).to.deep.equal({ code: 1, printed: [] })
        expect(stderr)
          .to.match(/^error: unavailable: .*connection refused/i)
          .and.to.include(address)
      })

      it('a server that does not answer is given up at the deadline', async () => {
        const { code, stderr } = await trial(await silentAddress(), '--timeout', example.oneSecond)
        expect(code).to.equal(1)
        expect(stderr).to.match(/^error: deadline_?exceeded: /i)
      })

      const liars: Record<string, { methods: Partial<Fake>; passed: number; error: string }> = {
        'gives back other bytes': {
          methods: { retrieveRecord: async () => ({ data: Buffer.from('PAYLOADX'.repeat(8)), record: undefined }) },
          passed: 2,
          error: 'error: what came out is not what went in\n',
        },
        'keeps what it was told to delete': {
          methods: { retrieveRecord: async () => ({ data: trialData, record: undefined }) },
          passed: 4,
          error: 'error: the record was deleted, and is still there\n',
        },
      }
      for (const [what, { methods, passed, error }] of Object.entries(liars)) {
        it(`a vault that ${what} is found out`, async () => {
          const expected = { code: 1, printed: steps.slice(0, passed), stderr: error }
          expect(await trial((await serveFake({ methods })).address)).to.deep.equal(expected)
        })
      }

      it('mutual TLS by flags; without a certificate there is no way in', async () => {
        const folder = box.folder()
        const authority = makeCertificate(folder, 'authority')
        const [server, caller] = [
          makeCertificate(folder, 'server', authority),
          makeCertificate(folder, 'caller', authority),
        ]
        const tls = { certFile: server.certFile, keyFile: server.keyFile, clientCaFile: authority.certFile }
        const set = Object.fromEntries(Object.entries(tls).map(([name, file]) => [`frontend.tls.${name}`, file]))
        const { address } = await box.frontend({ backend, keyringFile, set })
        const trusting = ['--tls-ca', authority.certFile]
        const known = [...trusting, '--tls-cert', caller.certFile, '--tls-key', caller.keyFile]
        expect(await trial(address, ...known)).to.include({ code: 0, stderr: '' })
        for (const flags of [trusting, []]) {
          const { code, stderr } = await trial(address, ...flags)
          expect(code).to.equal(1)
          expect(stderr).to.match(/^error: unavailable: /im)
        }
        const halfKnown = await trial(address, '--tls-cert', caller.certFile)
        expect(halfKnown).to.include({ code: 2 })
        expect(halfKnown.stderr).to.include('-tls-cert and ').and.to.include('need ')
      })
    })
  }
})
