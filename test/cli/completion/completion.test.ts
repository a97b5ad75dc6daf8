// The scripts for real, in bash: what would it offer? zsh and fish are tried where they are installed.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { serviceTools } from '../../../cmd/service-tools.js'
import { beclient } from '../../../src/cli/beclient/beclient.js'
import { encServer } from '../../../src/cli/enc-server/enc-server.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import type { Terminal } from '../../../src/cli/terminal/terminal.js'
import { fakeTerminal } from '../fake-terminal.js'

const programs: Record<string, (terminal: Terminal) => Promise<number>> = {
  feclient,
  beclient,
  'enc-server': (terminal) => encServer(terminal, serviceTools),
}

async function scriptOf(program: string, shell: string): Promise<string> {
  const terminal = fakeTerminal([program, 'completion', shell])
  expect(await programs[program]!(terminal)).to.equal(0)
  return terminal.printed().stdout
}

const ask = `
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
"_\${1//-/_}"
((\${#COMPREPLY[@]})) && printf '%s\\n' "\${COMPREPLY[@]}"
true`

describe('completion', () => {
  let folder: string

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'enc-server-completion-'))
    writeFileSync(join(folder, 'my records.ndjson'), '')
  })

  after(() => rmSync(folder, { recursive: true }))

  async function offered(...words: string[]): Promise<string[]> {
    const file = join(folder, 'script')
    writeFileSync(file, await scriptOf(words[0]!, 'bash'))
    const printed = execFileSync('bash', ['-u', '-c', ask, 'bash', file, ...words], { cwd: folder, encoding: 'utf8' })
    return printed.split('\n').filter((line) => line !== '')
  }

  it('offers commands', async () => {
    const life = ['upload', 'download', 'versions', 'restore']
    const many = ['import', 'import-legacy', 'export']
    const all = ['store', 'get', 'delete', 'list', ...many, 'trial', 'completion', ...life]
    expect(await offered('feclient', '')).to.have.members(all)
    expect(await offered('feclient', 'im')).to.have.members(['import', 'import-legacy'])
    expect(await offered('beclient', 'l')).to.deep.equal(['list'])
    expect(await offered('enc-server', 'keyring', '')).to.have.members(['init', 'verify', 'unbind'])
  })

  it('offers flags of the command, and no others', async () => {
    expect(await offered('feclient', 'import', '--re')).to.have.members(['--resume', '--report'])
    expect(await offered('feclient', 'delete', '--re')).to.deep.equal([])
    expect(await offered('feclient', 'upload', '--keep')).to.deep.equal(['--keep-versions'])
    expect(await offered('feclient', 'download', '--off')).to.deep.equal(['--offset'])
    expect(await offered('feclient', 'import', '--in', 'x', '--keys')).to.deep.equal(['--keys-out'])
    expect(await offered('enc-server', 'keyring', 'init', '--')).to.include.members(['--file', '--realm', '--help'])
  })

  it('offers the values of a flag', async () => {
    const modes = ['client', 'server', 'split']
    expect(await offered('feclient', 'store', '--mode', '')).to.deep.equal(modes)
    expect(await offered('feclient', 'store', '--mode', 's')).to.deep.equal(['server', 'split'])
    expect(await offered('feclient', 'store', '--mode', '=')).to.deep.equal(modes)
    expect(await offered('feclient', 'store', '--mode', '=', 'c')).to.deep.equal(['client'])
    expect(await offered('beclient', 'completion', '')).to.deep.equal(['bash', 'zsh', 'fish'])
  })

  it('offers files where a file belongs, and nothing where anything may stand', async () => {
    expect(await offered('feclient', 'import', '--in', 'my')).to.deep.equal(['my records.ndjson'])
    expect(await offered('enc-server', 'inspect', 'my')).to.deep.equal(['my records.ndjson'])
    expect(await offered('feclient', 'import', '--in', 'my records.ndjson', '')).to.deep.equal([])
    expect(await offered('feclient', 'store', '--user', '')).to.deep.equal([])
  })

  it('is not led astray by a value that is the name of a command', async () => {
    expect(await offered('feclient', 'store', '--user', 'import', '--mo')).to.deep.equal(['--mode'])
    expect(await offered('feclient', 'store', '--user', '=', 'list', '--mo')).to.deep.equal(['--mode'])
  })

  it('refuses another shell', async () => {
    const terminal = fakeTerminal(['feclient', 'completion', 'tcsh'])
    expect(await feclient(terminal)).to.equal(2)
    expect(terminal.printed().stderr).to.include('Allowed choices are bash, zsh, fish.')
  })

  for (const program of Object.keys(programs)) {
    it(`names everything of ${program} for zsh and fish`, async () => {
      for (const shell of ['zsh', 'fish']) {
        const script = await scriptOf(program, shell)
        expect(script).to.include('completion').and.to.include('zsh').and.not.to.include('undefined')
        const { error, status, stderr } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
        if (error === undefined) expect(status, stderr).to.equal(0)
      }
    })
  }
})
