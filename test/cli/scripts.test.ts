// Every script of this folder (script.ts says how they read), each against a vault of its own.
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { serviceTools } from '../../cmd/service-tools.js'
import { beclient } from '../../src/cli/beclient/beclient.js'
import { encServer } from '../../src/cli/enc-server/enc-server.js'
import { feclient } from '../../src/cli/feclient/feclient.js'
import { type FakeTerminal, fakeTerminal } from './fake-terminal.js'
import { isPrinted, parseScript, type Step } from './script.js'
import { startVault, type Vault } from './vault.js'

type Run = (terminal: FakeTerminal, vault: Vault) => Promise<number>

const print = (terminal: FakeTerminal, text: string | Buffer) => {
  terminal.stdout.write(text)
  return 0
}

const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, at) => (at * at) % 251))

const programs: Record<string, Run> = {
  feclient,
  beclient,
  'enc-server': (terminal) => encServer(terminal, serviceTools),
  cat: async (terminal) => print(terminal, await readFile(terminal.argv[2]!)),
  ls: async (terminal) =>
    print(
      terminal,
      (await readdir(terminal.argv[2] ?? '.'))
        .sort()
        .map((name) => `${name}\n`)
        .join(''),
    ),
  mode: async (terminal) => print(terminal, `${((await stat(terminal.argv[2]!)).mode & 0o777).toString(8)}\n`),
  mkdir: ({ argv }) => mkdir(argv[2]!, { recursive: true }).then(() => 0),
  rm: ({ argv }) => rm(argv[2]!, { recursive: true }).then(() => 0),
  link: ({ argv }) => symlink(argv[2]!, argv[3]!).then(() => 0),
  // So many bytes, none like its neighbours.
  fill: ({ argv }) => writeFile(argv[2]!, Buffer.alloc(Number(argv[3]!), pattern)).then(() => 0),
  cmp: async ({ argv }) => ((await readFile(argv[2]!)).equals(await readFile(argv[3]!)) ? 0 : 1),
  // What is given in hex, else its standard input.
  write: async ({ argv, stdin }) =>
    writeFile(argv[2]!, argv[3] === undefined ? stdin : Buffer.from(argv[3], 'hex')).then(() => 0),
  sleep: ({ argv }) => sleep(1000 * Number(argv[2])).then(() => 0),
  'stop-feserver': (_, vault) => vault.stopFrontend().then(() => 0),
  'stop-beserver': (_, vault) => vault.stopBackend().then(() => 0),
}

async function runStep({ words, stdin, stdinFile, isTTY }: Step, vault: Vault) {
  const input = stdinFile === undefined ? Buffer.from(stdin) : await readFile(stdinFile)
  const terminal = fakeTerminal(words, { stdin: input, env: vault.env, isTTY })
  const run = programs[words[0]!]
  if (run === undefined) throw new Error(`a script has no such program: ${words[0]}`)
  return { exit: await run(terminal, vault), ...terminal.printed() }
}

// What is off unless configured, for the scripts that need it.
const settings = ['frontend.legacyImport.enabled=true', 'frontend.legacyImport.until=2999-12-31']
const folder = fileURLToPath(new URL('.', import.meta.url))

describe('cli scripts', () => {
  const home = process.cwd()
  let work: string
  let vault: Vault

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), 'enc-server-script-'))
    vault = await startVault(join(work, 'vault'), settings)
    process.chdir(work)
  })

  afterEach(async () => {
    process.chdir(home)
    await vault.stopFrontend()
    await vault.stopBackend()
    await rm(work, { recursive: true })
  })

  for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
    it(name, async () => {
      for (const step of parseScript(readFileSync(join(folder, name), 'utf8'))) {
        const { exit, stdout, stderr } = await runStep(step, vault)
        const where = `${name}:${step.line}: ${step.words.join(' ')}`
        expect(isPrinted(stdout, step.stdout), `${where}\nstandard output:\n${stdout}`).to.equal(true)
        expect(isPrinted(stderr, step.stderr), `${where}\nstandard error:\n${stderr}`).to.equal(true)
        expect(exit, `${where}\nexit code`).to.equal(step.exit)
      }
    })
  }
})
