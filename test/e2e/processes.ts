// Server processes for real: the compiled programs, on free ports, with folders of their own. A sandbox ends its processes
// and removes its folders after its tests, also after those that fail.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChannelConfig, type FrontendClient, frontendClient } from '../../src/frontend/client.js'
import { type Engine, type Stores, storesOf } from './engines.js'

export const repoFolder = fileURLToPath(new URL('../..', import.meta.url))
export const distFolder = join(repoFolder, 'dist')

export type Program = 'beserver' | 'feserver' | 'enc-server'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A program that was started, and may have ended already. */
export interface Running {
  readonly program: Program
  readonly pid: number
  readonly exited: Promise<Exit>
  running(): boolean
  stdout(): string
  stderr(): string
  kill(signal: NodeJS.Signals): void
  /** Whoever read its standard output is gone. */
  closeStdout(): void
  /** SIGTERM unless told otherwise; resolves when the process is gone. */
  stop(signal?: NodeJS.Signals): Promise<Exit>
}

/** A program that listens. */
export interface Server extends Running {
  readonly port: number
  readonly address: string
}

export interface RunOptions {
  /** As --set takes them. */
  set?: Record<string, string | number | boolean>
  args?: string[]
  /** Added to a bare environment. */
  env?: Record<string, string>
  /** Options of Node.js. */
  nodeOptions?: string[]
  /** Runs without the terminal of the tests, as under a service manager. */
  detached?: boolean
}

export interface BackendOptions extends RunOptions {
  dataDir?: string
  port?: number
}

export interface FrontendOptions extends RunOptions {
  backend: { address: string }
  keyringFile?: string
  port?: number
}

export interface Sandbox {
  /** A new empty folder. */
  folder(): string
  /** Where its back ends keep their records. */
  readonly stores: Stores
  /** Starts a program and waits for nothing. */
  run(program: Program, options?: RunOptions): Running
  /** Starts a program and waits until it listens; rejects with what it printed when it ends instead. */
  start(program: Program, options?: RunOptions): Promise<Server>
  backend(options?: BackendOptions): Promise<Server>
  frontend(options: FrontendOptions): Promise<Server>
  client(config: ChannelConfig): FrontendClient
  /** Done after the tests, the last first. */
  defer(work: () => unknown): void
}

const startTimeoutMs = 20_000

const alive = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
process.once('SIGTERM', () => process.exit(143))

function flags({ set = {}, args = [] }: RunOptions): string[] {
  return [...Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]), ...args]
}

function spawnProgram(program: Program, options: RunOptions, cwd: string): Running {
  const { PATH = '', HOME = '' } = process.env
  const { nodeOptions = [], detached = false } = options
  const command = [...nodeOptions, join(distFolder, 'cmd', `${program}.js`), ...flags(options)]
  const child = spawn(process.execPath, command, {
    cwd,
    detached,
    env: { PATH, HOME, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  // 'close' and not 'exit': by then everything it printed has arrived.
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    alive.delete(child)
    return { code, signal }
  })
  return {
    program,
    pid: child.pid as number,
    exited,
    running: () => alive.has(child),
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    kill: (signal) => void child.kill(signal),
    closeStdout: () => void child.stdout.destroy(),
    stop(signal = 'SIGTERM') {
      child.kill(signal)
      return exited
    },
  }
}

async function listening(running: Running): Promise<Server> {
  const end = Date.now() + startTimeoutMs
  while (Date.now() < end && running.running()) {
    const found = /listening on \S+:(\d+)/.exec(running.stderr())
    if (found) return { ...running, port: Number(found[1]), address: `127.0.0.1:${found[1]}` }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const how = running.running() ? 'does not listen' : `ended with code ${(await running.exited).code}`
  throw new Error(`${running.program} ${how}: ${running.stderr()}`)
}

function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true })
}

/** Call it in a `describe`. */
export function sandbox(engine: Engine = 'level'): Sandbox {
  const started: Running[] = []
  const deferred: (() => unknown)[] = []
  const defer = (work: () => unknown) => void deferred.push(work)

  function folder(): string {
    const path = mkdtempSync(join(tmpdir(), 'enc-server-e2e-'))
    defer(() => removeFolder(path))
    return path
  }

  const stores = storesOf(engine, { folder, defer })

  let before = 0
  beforeEach(() => {
    before = started.length
  })
  afterEach(function () {
    if (this.currentTest?.state !== 'failed') return
    const shown = started.filter(({ running }, index) => index >= before || running())
    for (const { program, pid, stderr } of shown) process.stdout.write(`--- ${program} ${pid}\n${stderr()}`)
  })
  after(async () => {
    for (const work of deferred.reverse()) await work()
  })

  const box: Sandbox = {
    folder,
    stores,
    run(program, options = {}) {
      const running = spawnProgram(program, options, box.folder())
      started.push(running)
      defer(() => running.stop('SIGKILL'))
      return running
    },
    start: (program, options) => listening(box.run(program, options)),
    backend({ dataDir = join(box.folder(), 'backend'), port = 0, set, ...options } = {}) {
      return box.start('beserver', { set: { 'backend.port': port, ...stores.settings(dataDir), ...set }, ...options })
    },
    frontend({ backend, keyringFile = join(box.folder(), 'frontend', 'keyring.json'), port = 0, set, ...options }) {
      const own = {
        'frontend.port': port,
        'frontend.backend.address': backend.address,
        'frontend.keyringFile': keyringFile,
      }
      return box.start('feserver', { set: { ...own, ...set }, ...options })
    },
    client(config) {
      const client = frontendClient(config)
      defer(() => client.close())
      return client
    },
    defer,
  }
  return box
}

/** A port that is free now and outside the range of outgoing connections, so that it stays free across a restart. */
export async function lastingPort(): Promise<number> {
  const { createServer } = await import('node:net')
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer().listen(port, '127.0.0.1')
    const free = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ])
    server.close()
    if (free) return port
  }
}
