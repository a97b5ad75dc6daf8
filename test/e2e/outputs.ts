// Programs whose standard streams cannot be written: on a full device, closed, or without a reader.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { distFolder, type Sandbox } from './processes.js'

/** A standard stream that takes nothing. */
export type Broken = 'full' | 'closed' | 'reader gone'

export interface Ending {
  code: number | null
  stdout: string
  stderr: string
}

export interface BrokenRun {
  stdout?: Broken
  stderr?: Broken
  stdin?: string
  env?: Record<string, string>
  cwd?: string
  /** A file as standard output, which takes so many KiB. */
  file?: { path: string; maxKiB: number }
}

/** The writing end of a pipe whose reader has gone. */
function pipeWithoutReader(folder: string): number {
  const path = join(folder, `pipe-${process.hrtime.bigint()}`)
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDWR)
  const writer = openSync(path, constants.O_WRONLY)
  closeSync(reader)
  return writer
}

/** Starts a program of dist/cmd. A shell closes the streams that are to be closed, and then becomes the program. */
export function startBroken(box: Sandbox, [program = '', ...args]: string[], run: BrokenRun): ChildProcess {
  const streams = [run.stdout, run.stderr].map((broken, index) => {
    if (index === 0 && run.file !== undefined) return openSync(run.file.path, 'w')
    if (broken === 'full') return openSync('/dev/full', 'w')
    return broken === 'reader gone' ? pipeWithoutReader(box.folder()) : ('pipe' as const)
  })
  const limit = run.file === undefined ? '' : `ulimit -f ${run.file.maxKiB};`
  const closed = `${run.stdout === 'closed' ? '>&-' : ''} ${run.stderr === 'closed' ? '2>&-' : ''}`
  const { PATH = '', HOME = '' } = process.env
  const words = [process.execPath, join(distFolder, 'cmd', `${program}.js`), ...args]
  const child = spawn('bash', ['-c', `${limit} exec "$@" ${closed}`, 'bash', ...words], {
    env: { PATH, HOME, ...run.env },
    cwd: run.cwd ?? box.folder(),
    stdio: ['pipe', ...streams],
  })
  for (const stream of streams) if (stream !== 'pipe') closeSync(stream)
  child.stdin?.on('error', () => undefined) // a program that refuses its flags reads nothing
  child.stdin?.end(run.stdin ?? '')
  box.defer(() => child.kill('SIGKILL'))
  return child
}

/** Runs a program to its end. */
export async function runBroken(box: Sandbox, words: string[], run: BrokenRun): Promise<Ending> {
  const child = startBroken(box, words, run)
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name]?.on('data', (text) => (printed[name] += text))
  const [code] = await once(child, 'close')
  return { code, ...printed }
}
