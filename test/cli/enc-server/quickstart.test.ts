// The tour itself, with stand-ins for the programs; `make quickstart` runs the real ones.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { quickstart } from '../../../src/cli/enc-server/quickstart.js'
import { type FakeTerminal, fakeTerminal } from '../fake-terminal.js'

const server = `
process.on('SIGTERM', () => process.exit(0))
console.error('pid ' + process.pid)
console.error('listening on 127.0.0.1:1')
setInterval(() => undefined, 1000)`

const healthy = { beserver: server, feserver: server, feclient: '', 'enc-server': '' }

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('quickstart', () => {
  const { TMPDIR } = process.env
  let programs: string

  beforeEach(async () => {
    programs = await mkdtemp(join(tmpdir(), 'enc-server-programs-'))
    process.env['TMPDIR'] = programs // where the tour makes its folder
  })

  afterEach(async () => {
    if (TMPDIR === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = TMPDIR
    await rm(programs, { recursive: true })
  })

  async function run(sources: Record<string, string>, during?: (terminal: FakeTerminal) => void) {
    for (const [name, text] of Object.entries(sources)) await writeFile(join(programs, `${name}.js`), text)
    const terminal = fakeTerminal(['quickstart'], { env: { HOME: programs, ENC_SERVER_LOG_STDOUT: 'true' } })
    const ended = quickstart(terminal, programs)
    during?.(terminal)
    return { exit: await ended, ...terminal.printed() }
  }

  async function expectNothingLeft(stdout: string) {
    const pids = [...stdout.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid))
    expect(pids.filter(isAlive)).to.deep.equal([])
    expect((await readdir(programs)).filter((name) => !name.endsWith('.js'))).to.deep.equal([])
    return pids.length
  }

  it('shows each command, and leaves nothing behind', async () => {
    const { exit, stdout, stderr } = await run(healthy)
    expect(stderr).to.equal('')
    expect(exit).to.equal(0)
    expect(stdout.match(/(?<=\$ )(\S+)(?= |$)/gm)).to.deep.equal([
      ...['beserver', 'feserver', 'feclient', 'echo', 'enc-server'],
      ...['beserver', 'feserver', 'feclient'],
    ])
    expect(stdout).to.include('Next:\n  make beserver-cmd')
    expect(await expectNothingLeft(stdout)).to.equal(4)
  })

  it('fails when a program fails', async () => {
    const { exit, stdout, stderr } = await run({ ...healthy, feclient: 'process.exit(3)' })
    expect(stderr).to.equal('error: INTERNAL: feclient ended with exit code 3\n')
    expect(exit).to.equal(1)
    expect(await expectNothingLeft(stdout)).to.equal(2)
  })

  it('fails when a server does not come up', async () => {
    const { exit, stdout, stderr } = await run({ ...healthy, feserver: 'console.error("port in use")' })
    expect(stdout).to.include('     port in use\n')
    expect(stderr).to.equal('error: INTERNAL: feserver ended instead of listening\n')
    expect(exit).to.equal(1)
    await expectNothingLeft(stdout)
  })

  it('cleans up after Ctrl-C', async () => {
    const { exit, stdout } = await run({ ...healthy, feclient: 'setInterval(() => undefined, 1000)' }, (terminal) => {
      const timer = setInterval(() => {
        if (!terminal.printed().stdout.includes('$ feclient')) return
        clearInterval(timer)
        terminal.emit('SIGINT')
      }, 5)
    })
    expect(exit).to.equal(130)
    expect(await expectNothingLeft(stdout)).to.equal(2)
  })

  it('does not hand on variables that would lead to another vault', async () => {
    const { stdout } = await run({ ...healthy, feclient: 'console.log(Object.keys(process.env).join())' })
    expect(stdout).to.include('HOME').and.to.include('ENC_SERVER_FRONTEND_TARGET')
    expect(stdout).to.not.include('ENC_SERVER_LOG_STDOUT')
  })
})
