import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { noHints } from '../../../src/cli/program/hints.js'
import { rootCommand, runProgram, type Session } from '../../../src/cli/program/program.js'
import { printLine } from '../../../src/cli/terminal/output.js'
import { VaultError } from '../../../src/core/errors.js'
import { version } from '../../../src/core/version.js'
import { type FakeTerminal, fakeTerminal } from '../fake-terminal.js'

function programOf(action: (session: Session) => Promise<void>) {
  return { build: (session: Session) => rootCommand('probe').action(() => action(session)), hints: noHints }
}

describe('program', () => {
  it('prints help, and ends with 0', async () => {
    const terminal = fakeTerminal(['feclient', '--help'])
    expect(await feclient(terminal)).to.equal(0)
    expect(terminal.printed().stdout)
      .to.match(/^Usage: feclient /)
      .and.to.include('Exit codes: 0 success, 1 failure, 2')
    expect(terminal.printed().stderr).to.equal('')
  })

  it('takes the word help for --help, with and without a command', async () => {
    const printed = async (...words: string[]) => {
      const terminal = fakeTerminal(['feclient', ...words])
      expect(await feclient(terminal)).to.equal(0)
      expect(terminal.printed().stderr).to.equal('')
      return terminal.printed().stdout
    }
    expect(await printed('help')).to.equal(await printed('--help'))
    expect(await printed('help', 'store')).to.equal(await printed('store', '--help'))
    expect(await feclient(fakeTerminal(['feclient', 'help', 'stowaway']))).to.equal(2)
  })

  it('shows the help of every subcommand with examples', async () => {
    for (const subcommand of ['store', 'get', 'delete', 'list', 'import', 'import-legacy', 'export', 'trial']) {
      const terminal = fakeTerminal(['feclient', subcommand, '--help'])
      expect(await feclient(terminal)).to.equal(0)
      expect(terminal.printed().stdout).to.include('Examples:\n  ').and.to.include('--tls-ca <file>')
    }
  })

  it('prints the help that is asked for behind a mistyped flag', async () => {
    for (const help of ['--help', '-h']) {
      const terminal = fakeTerminal(['feclient', 'store', '--aad-fiel', 'x', help])
      expect(await feclient(terminal)).to.equal(0)
      expect(terminal.printed().stdout).to.match(/^Usage: feclient store /)
      expect(terminal.printed().stderr).to.equal('')
    }
  })

  it('prints its version, which no subcommand takes for its own', async () => {
    const terminal = fakeTerminal(['feclient', '--version'])
    expect(await feclient(terminal)).to.equal(0)
    expect(terminal.printed()).to.eql({ stdout: `${version}\n`, stderr: '' })
    expect(await feclient(fakeTerminal(['feclient', 'restore', '--user', 'a', '--version', 'x']))).to.equal(2)
  })

  it('says in its help what must be given', async () => {
    const terminal = fakeTerminal(['feclient', 'download', '--help'])
    await feclient(terminal)
    expect(terminal.printed().stdout).to.match(/--user <id> +the record's user \(required\)\n +--name <name> /)
    expect(terminal.printed().stdout).not.to.match(/--key-file <file> [^-]+\(required\)/)
  })

  it('ends with 2 for what can never work, with 1 for the rest', async () => {
    const failing = (reason: 'INVALID_REQUEST' | 'STORE_FULL') => async () => {
      throw new VaultError(reason)
    }
    expect(await runProgram(programOf(failing('INVALID_REQUEST')), fakeTerminal(['probe']))).to.equal(2)
    expect(await runProgram(programOf(failing('STORE_FULL')), fakeTerminal(['probe']))).to.equal(1)
  })

  it('prints the stack of a bug', async () => {
    const terminal = fakeTerminal(['probe'])
    const bug = programOf(async () => {
      throw new TypeError('x is not a function')
    })
    expect(await runProgram(bug, terminal)).to.equal(1)
    expect(terminal.printed().stderr).to.match(/^error: TypeError: x is not a function\n {4}at /)
  })

  it('shows a message of the server without what could steer the terminal', async () => {
    const terminal = fakeTerminal(['probe'])
    const hostile = programOf(async () => {
      throw new VaultError('NOT_SUPPORTED', { message: 'no\u001b[2J', requestId: 'a\u202eb' })
    })
    await runProgram(hostile, terminal)
    expect(terminal.printed().stderr).to.equal(
      "error: NOT_SUPPORTED: no\\u{1b}[2J\nhint: the server's log has it under request id a\\u{202e}b\n",
    )
  })

  it('stops at Ctrl-C with 130, and leaves no half a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'enc-server-program-'))
    const keyOut = join(folder, 'key')
    const stdin = new PassThrough() // data that never ends
    const terminal = fakeTerminal(['feclient', 'store', '--user', 'alice', '--key-out', keyOut], { stdin })
    const ended = feclient(terminal)
    while ((await readdir(folder)).length === 0) await sleep(5)
    terminal.emit('SIGINT')
    expect(await ended).to.equal(130)
    expect(terminal.printed().stderr).to.equal('error: CANCELLED: interrupted\n')
    expect(await readdir(folder)).to.deep.equal([])
    await rm(folder, { recursive: true })
  })

  it('stops without a word when its reader has gone', async () => {
    const terminal = fakeTerminal(['probe'])
    let printed = 0
    const endless = programOf(async ({ terminal }) => {
      for (; ; printed += 1) {
        if (printed === 3) (terminal as FakeTerminal).fail('stdout', 'EPIPE')
        await printLine('line', terminal)
      }
    })
    expect(await runProgram(endless, terminal)).to.equal(1)
    expect(printed).to.equal(3)
    expect(terminal.printed().stderr).to.equal('')
  })

  it('says what a lost result means, even when it is interrupted at that moment', async () => {
    const terminal = fakeTerminal(['probe'])
    terminal.fail('stdout', 'ENOSPC')
    const storing = programOf(async ({ terminal }) => {
      ;(terminal as FakeTerminal).emit('SIGINT')
      await printLine('rvk1_...', terminal, { done: 'stored version 1', lost: 'its record key is lost' })
    })
    expect(await runProgram(storing, terminal)).to.equal(1)
    expect(terminal.printed().stderr).to.equal(
      'error: stored version 1, but standard output cannot be written (ENOSPC: no words): its record key is lost\n',
    )
  })

  it('fails when its help, its version or a completion script cannot be written', async () => {
    for (const words of [['--help'], ['help', 'store'], ['store', '--help'], ['--version'], ['completion', 'bash']]) {
      const terminal = fakeTerminal(['feclient', ...words])
      terminal.fail('stdout', 'ENOSPC')
      expect(await feclient(terminal), words.join(' ')).to.equal(1)
      expect(terminal.printed().stderr).to.equal('error: standard output cannot be written (ENOSPC: no words)\n')
    }
  })

  it('ends with its own exit code when it cannot print why', async () => {
    const refused = ['feclient', 'get', '--user', 'alice', '--nmae', 'x']
    for (const [words, code] of [
      [refused, 2],
      [['feclient', '--help'], 0],
    ] as const) {
      const terminal = fakeTerminal([...words])
      terminal.fail('stderr', 'EPIPE')
      expect(await feclient(terminal)).to.equal(code)
    }
  })
})
