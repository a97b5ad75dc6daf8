// The quickstart: the vault from nothing to a stored, stopped, restarted and read record, in a folder that is thrown
// away. Each command is shown as one would type it.
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
  make beserver-cmd    the same by hand, in three terminals: a back end,
  make feserver-cmd    a front end,
  make feclient-cmd    and its client
  make test            all tests
  README.md            ten lines of TypeScript, and what this does not protect from`

interface Tour {
  programs: ChildPrograms
  say(text: string): void
}

/** Runs the quickstart on the compiled programs in a folder, and returns the exit code. */
export function quickstart(terminal: Terminal, programs: string): Promise<number> {
  const build = (session: Session) => {
    const command = rootCommand('quickstart', session).description(
      'Shows the vault at work, and leaves nothing behind.',
    )
    return withExamples(command, ['make quickstart']).action(() => runInTemporaryFolder(programs, session))
  }
  return runProgram({ build, hints: noHints }, terminal)
}

async function runInTemporaryFolder(programs: string, { terminal, signal }: Session): Promise<void> {
  const startedAt = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'enc-server-quickstart-'))
  const say = (text: string) => printLine(text, terminal)
  const env = withoutOurVariables(terminal.env)
  const children = childPrograms({ programs, folder, env, show: (line) => say(`     ${line}`), signal })
  try {
    await writeFile(join(folder, 'vault.json'), JSON.stringify(configuration))
    await tour({ programs: echoCommands(children, say), say }, env)
  } finally {
    await children.close()
    await rm(folder, { recursive: true, force: true })
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  say(`\nDone in ${seconds} s. Both processes are stopped, and ${folder} is gone.\n\n${next}`)
}

// A variable of the caller's would point the programs at another vault.
function withoutOurVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ENC_SERVER_')))
}

function echoCommands({ run, serve, close }: ChildPrograms, say: (text: string) => void): ChildPrograms {
  const type = (command: string[], input?: string) => {
    const line = command.map((word) => (word.includes(' ') ? `'${word}'` : word)).join(' ')
    say(`   $ ${input === undefined ? '' : `echo '${input.trim()}' | `}${line}`)
  }
  return {
    run: (command, input) => {
      type(command, input)
      return run(command, input)
    },
    serve: (command) => {
      type(command)
      return serve(command)
    },
    close,
  }
}

async function tour({ programs, say }: Tour, env: NodeJS.ProcessEnv): Promise<void> {
  say('enc-server: an encrypted record vault, from nothing\n')
  say('1. Start a back end, which keeps ciphertext, and a front end, which has the keys: two processes.')
  let vault = await startVault(programs, env)
  say('\n2. Is it there, and does it work? The trial says so.')
  await programs.run(['feclient'])
  say('\n3. Encrypt and store a record. Its key goes into a file of yours; the vault keeps no copy.')
  await programs.run(['feclient', 'store', ...record, '--key-out', 'diary.key'], plaintext)
  say('\n4. Stop both, and look at the disk of the back end: a thief would find this.')
  await stopVault(vault)
  await programs.run(['enc-server', 'inspect', 'backend', '--absent', 'PAYLOADS', '--absent', 'diary'])
  say('\n5. Start both again, and read the record with its key.')
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
