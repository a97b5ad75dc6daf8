import { expect } from 'chai'
import { beclient } from '../../../src/cli/beclient/beclient.js'
import { encServer, type ServiceTools } from '../../../src/cli/enc-server/enc-server.js'
import { feclient } from '../../../src/cli/feclient/feclient.js'
import { runServer } from '../../../src/cli/program/run-server.js'
import type { Terminal } from '../../../src/cli/terminal/terminal.js'
import { fakeTerminal } from '../fake-terminal.js'

const tools = {} as ServiceTools // no command runs

const programs: Record<string, (terminal: Terminal) => Promise<number>> = {
  feclient,
  beclient,
  'enc-server': (terminal) => encServer(terminal, tools),
}

const lists = ['--label', '--set', '--absent']

const values: Record<string, string> = {
  '--mode': 'server',
  '--form': 'bare',
  '--expires': '1d',
  '--label': 'a=b',
  '--id-nonce': 'x'.repeat(12),
  '--record-id': '00'.repeat(72),
  '--user-pseudonym': '00'.repeat(36),
}

function exampleOf(flag: string): string {
  return values[flag] ?? (/key-?(ring-)?id$/.test(flag) ? '00'.repeat(16) : '1')
}

async function run(program: string, words: string[]) {
  const terminal = fakeTerminal([program, ...words])
  const code = await programs[program]!(terminal)
  return { code, ...terminal.printed() }
}

/** The words of each command of a program. */
async function commandsOf(program: string): Promise<string[][]> {
  const { stdout } = await run(program, ['--help'])
  const names = [...(stdout.split('Commands:\n')[1]?.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(
    ([, name = '']) => name,
  )
  return names.filter((name) => name !== 'help').map((name) => (name === 'keyring' ? ['keyring', 'init'] : [name]))
}

/** The flags in the help of a command, with a value if they take one. */
async function flagsOf(program: string, command: string[]): Promise<string[][]> {
  const { stdout } = await run(program, [...command, '--help'])
  const found = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)( <)?/gm)]
  return found
    .filter(([, flag]) => flag !== '--help')
    .map(([, flag = '', value]) => (value ? [flag, exampleOf(flag)] : [flag]))
}

describe('repeated flags', () => {
  for (const program of Object.keys(programs)) {
    it(`are refused by every command of ${program}, unless the flag is a list`, async () => {
      let checked = 0
      for (const command of await commandsOf(program)) {
        for (const flag of await flagsOf(program, command)) {
          const { code, stderr } = await run(program, [...command, ...flag, ...flag])
          const name = [program, ...command, flag[0]].join(' ')
          const refusal = new RegExp(`^error: option '${flag[0]}( <[^>]+>)?' must not be repeated\n`)
          if (lists.includes(flag[0] ?? '')) expect(stderr, name).not.to.match(refusal)
          else expect({ code, isRefused: refusal.test(stderr), stderr }, name).to.include({ code: 2, isRefused: true })
          checked += 1
        }
      }
      expect(checked).to.be.greaterThan(5)
    })
  }

  it('are refused by the servers', async () => {
    const terminal = fakeTerminal(['beserver', '--config', 'a.json', '--config', 'b.json'])
    const process = Object.assign(terminal, { exitCode: undefined as number | undefined })
    const start = () => Promise.reject(new Error('it started'))
    const program = { name: 'beserver', description: '', examples: [], start }
    await runServer(program, process as unknown as NodeJS.Process)
    expect(process.exitCode).to.equal(2)
    expect(terminal.printed().stderr).to.match(/^error: option '--config <file>' must not be repeated\n/)
  })
})
