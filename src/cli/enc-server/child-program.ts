// Child programs: programs that run as child processes. Their output is shown line by line, and `close` ends all of them.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { VaultError } from '../../core/errors.js'

/** How child programs are started. */
export interface Launcher {
  /** The folder of the compiled programs. */
  programs: string
  /** Their working directory. */
  folder: string
  env: NodeJS.ProcessEnv
  /** Shows a line of their output. */
  show(line: string): void
  signal: AbortSignal
}

/** A server that listens. */
export interface ChildServer {
  /** The address it listens on. */
  address: string
  /** Stops it and waits for its end; rejects unless its exit code is 0. */
  stop(): Promise<void>
}

/** Starts child programs and ends them. */
export interface ChildPrograms {
  /** Runs a program to its end; rejects unless its exit code is 0. */
  run(command: string[], input?: string): Promise<void>
  /** Starts a server; resolves when it listens. */
  serve(command: string[]): Promise<ChildServer>
  /** Ends all programs. */
  close(): Promise<void>
}

const startTimeoutMs = 15_000
const stopTimeoutMs = 5_000
const listening = /listening on (\S+:\d+)/

function failure(name: string, what: string): VaultError {
  return new VaultError('INTERNAL', { message: `${name} ${what}` })
}

/** Ends a process: SIGTERM, and SIGKILL after a timeout. Resolves with its exit code. */
async function endChild(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exit
  clearTimeout(timer)
  return child.exitCode
}

function launch([name = '', ...flags]: string[], { programs, folder, env, show }: Launcher) {
  const child = spawn(process.execPath, [join(programs, `${name}.js`), ...flags], { cwd: folder, env })
  const lines = [child.stdout, child.stderr].map((stream) => createInterface({ input: stream }).on('line', show))
  child.stdin.on('error', () => undefined) // the process may end before it has read all its input
  return { name, child, lines }
}

type Launched = ReturnType<typeof launch>

/** Resolves with the address that the server prints when it listens. */
async function waitUntilListening({ name, child, lines }: Launched, signal: AbortSignal): Promise<string> {
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)])
  return new Promise((resolve, reject) => {
    for (const stream of lines) {
      stream.on('line', (line) => {
        const [, address] = listening.exec(line) ?? []
        if (address !== undefined) resolve(address)
      })
    }
    child.once('exit', () => reject(failure(name, 'ended instead of listening')))
    timeout.addEventListener('abort', () => reject(failure(name, 'did not listen in time')), { once: true })
  })
}

/** Starts programs as child processes; aborting the launcher's signal starts no more. */
export function childPrograms(launcher: Launcher): ChildPrograms {
  const { signal } = launcher
  const children: ChildProcess[] = []
  const start = (command: string[]) => {
    signal.throwIfAborted()
    const launched = launch(command, launcher)
    children.push(launched.child)
    return launched
  }
  return {
    async run(command, input = '') {
      const { name, child } = start(command)
      child.stdin.end(input)
      const [code] = await once(child, 'close', { signal }) // unlike `exit`, `close` comes after the last line of output
      if (code !== 0) throw failure(name, `ended with exit code ${code}`)
    },
    async serve(command) {
      const launched = start(command)
      const address = await waitUntilListening(launched, signal)
      return {
        address,
        async stop() {
          const code = await endChild(launched.child)
          if (code !== 0) throw failure(launched.name, `ended with exit code ${code}`)
        },
      }
    },
    async close() {
      await Promise.all(children.map(endChild))
    },
  }
}
