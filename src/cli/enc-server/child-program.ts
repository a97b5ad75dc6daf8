// Programs started as processes of their own, their lines shown as they come. Closing ends every one of them.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { VaultError } from '../../core/errors.js'

export interface Launcher {
  /** Folder of the compiled programs. */
  programs: string
  /** Where they run. */
  folder: string
  env: NodeJS.ProcessEnv
  /** Shows a line of theirs. */
  show(line: string): void
  signal: AbortSignal
}

/** A server that is up. */
export interface ChildServer {
  /** Where it listens. */
  address: string
  /** Asks it to stop, and waits; rejects when it ends badly. */
  stop(): Promise<void>
}

export interface ChildPrograms {
  /** Runs a program to its end; rejects unless it succeeds. */
  run(command: string[], input?: string): Promise<void>
  /** Starts a server; resolves when it listens. */
  serve(command: string[]): Promise<ChildServer>
  close(): Promise<void>
}

const startTimeoutMs = 15_000
const stopTimeoutMs = 5_000
const listening = /listening on (\S+:\d+)/

function failure(name: string, what: string): VaultError {
  return new VaultError('INTERNAL', { message: `${name} ${what}` })
}

/** Asks it to end, then makes it; resolves with its exit code when it has. */
async function endChild(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const patience = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exit
  clearTimeout(patience)
  return child.exitCode
}

function launch([name = '', ...flags]: string[], { programs, folder, env, show }: Launcher) {
  const child = spawn(process.execPath, [join(programs, `${name}.js`), ...flags], { cwd: folder, env })
  const lines = [child.stdout, child.stderr].map((stream) => createInterface({ input: stream }).on('line', show))
  child.stdin.on('error', () => undefined) // it ended without reading all of it
  return { name, child, lines }
}

type Launched = ReturnType<typeof launch>

/** Resolves with the address it prints when it listens. */
async function waitUntilListening({ name, child, lines }: Launched, signal: AbortSignal): Promise<string> {
  const gaveUp = AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)])
  return new Promise((resolve, reject) => {
    for (const stream of lines) {
      stream.on('line', (line) => {
        const [, address] = listening.exec(line) ?? []
        if (address !== undefined) resolve(address)
      })
    }
    child.once('exit', () => reject(failure(name, 'ended instead of listening')))
    gaveUp.addEventListener('abort', () => reject(failure(name, 'did not listen in time')), { once: true })
  })
}

export function childPrograms(launcher: Launcher): ChildPrograms {
  const { signal } = launcher
  const children: ChildProcess[] = []
  const begin = (command: string[]) => {
    signal.throwIfAborted()
    const launched = launch(command, launcher)
    children.push(launched.child)
    return launched
  }
  return {
    async run(command, input = '') {
      const { name, child } = begin(command)
      child.stdin.end(input)
      const [code] = await once(child, 'close', { signal }) // unlike `exit`, after its last line
      if (code !== 0) throw failure(name, `ended with exit code ${code}`)
    },
    async serve(command) {
      const launched = begin(command)
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
