// The quickstart: starts a vault in a temporary folder, stores a record, restarts the vault and reads the record. Each command
// is shown as a user would type it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noHints } from '../program/hints.js'
import { rootCommand, runProgram, type Session, withExamples } from '../program/program.js'
import { printLine } from '../terminal/output.js'
import type { Terminal } from '../terminal/terminal.js'
import { type ChildPrograms, type ChildServer, childPrograms } from './child-program.js'

const plaintext = 'PAYLOADS of JTH: nobody else may read this line\n'
const configuration = {
  frontend: { port: 0, keyringFile: 'frontend/keyring.json' },
  backend: { port: 0, dataDir: 'backend' },
  log: { stdout: false },
}
const server = ['--config', 'vault.json']
const record = ['--user', 'JTH', '--name', 'diary']

const next = `Next:
  make beserver-cmd    the same by hand, in three terminals: the back end,
  make feserver-cmd    the front end,
  make feclient-cmd    and the client
  make test            all tests
  README.md            a client in ten lines of TypeScript, and what the vault does not protect from`

interface Tour {
  programs: ChildPrograms
  print(text: string): Promise<void>
}

/** Runs the quickstart on the compiled programs in a folder, and returns the exit code. */
export function quickstart(terminal: Terminal, programs: string): Promise<number> {
  const build = (session: Session) => {
    const command = rootCommand('quickstart').description(
      'Shows the vault at work in a temporary folder, which it removes at the end.',
    )
    return withExamples(command, ['make quickstart']).action(() => runInTemporaryFolder(programs, session))
  }
  return runProgram({ build, hints: noHints }, terminal)
}

async function runInTemporaryFolder(programs: string, { terminal, signal }: Session): Promise<void> {
  const startedAt = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'enc-server-quickstart-'))
  const print = inOrder((text: string) => printLine(text, terminal))
  const env = withoutOurVariables(terminal.env)
  const children = childPrograms({
    programs,
    folder,
    env,
    show: (line) => void print(`     ${line}`).catch(() => undefined),
    signal,
  })
  try {
    await writeFile(join(folder, 'vault.json'), JSON.stringify(configuration))
    await tour({ programs: echoCommands(children, print), print }, env)
  } finally {
    await children.close()
    await rm(folder, { recursive: true, force: true })
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  await print(`\nDone in ${seconds} s. Both processes are stopped, and ${folder} is removed.\n\n${next}`)
}

/** The same function, each call of which begins when the one before has ended; after a failure, all calls fail. */
function inOrder(print: Tour['print']): Tour['print'] {
  let last = Promise.resolve()
  return (text) => {
    last = last.then(() => print(text))
    return last
  }
}

// The caller's ENC_SERVER_ variables could name another vault.
function withoutOurVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ENC_SERVER_')))
}

function echoCommands({ run, serve, close }: ChildPrograms, print: Tour['print']): ChildPrograms {
  const echo = (command: string[], input?: string) => {
    const line = command.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')
    return print(`   $ ${input === undefined ? '' : `echo '${input.trim()}' | `}${line}`)
  }
  return {
    run: async (command, input) => {
      await echo(command, input)
      return run(command, input)
    },
    serve: async (command) => {
      await echo(command)
      return serve(command)
    },
    close,
  }
}

async function tour({ programs, print }: Tour, env: NodeJS.ProcessEnv): Promise<void> {
  await print('enc-server: an encrypted record vault\n')
  await print('1. Start a back end, which stores ciphertext, and a front end, which has the keys.')
  let vault = await startVault(programs, env)
  await print('\n2. Run the trial, which checks that the vault works.')
  await programs.run(['feclient'])
  await print('\n3. Encrypt and store a record. Its record key goes to a file; the vault keeps no copy.')
  await programs.run(['feclient', 'store', ...record, '--key-out', 'diary.key'], plaintext)
  await print("\n4. Stop both, and look at the back end's disk, as a thief would.")
  await stopVault(vault)
  await programs.run(['enc-server', 'inspect', 'backend', '--absent', 'PAYLOADS', '--absent', 'diary'])
  await print('\n5. Start both again, and read the record with its key.')
  vault = await startVault(programs, env)
  await programs.run(['feclient', 'get', ...record, '--key-file', 'diary.key'])
  await stopVault(vault)
}

interface Vault {
  backend: ChildServer
  frontend: ChildServer
}

async function startVault(programs: ChildPrograms, env: NodeJS.ProcessEnv): Promise<Vault> {
  const backend = await programs.serve(['beserver', ...server])
  const frontend = await programs.serve(['feserver', ...server, '--set', `frontend.backend.address=${backend.address}`])
  env['ENC_SERVER_FRONTEND_TARGET'] = frontend.address
  return { backend, frontend }
}

async function stopVault({ backend, frontend }: Vault): Promise<void> {
  await frontend.stop()
  await backend.stop()
}
