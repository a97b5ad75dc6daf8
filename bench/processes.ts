// The servers a bench measures: started, asked for the CPU time and memory they have used, stopped. Linux: it reads /proc.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Stage } from './stage.js'

export interface Measured {
  name: string
  /** Where it listens. */
  address: string
  /** User and system CPU time since it started, in milliseconds. */
  cpuMs(): number
  /** The most memory that was resident since it started, or since the last `forgetPeak`, in MiB. */
  peakMiB(): number
  forgetPeak(): void
}

// USER_HZ, the unit of /proc/<pid>/stat, is 100 on every Linux that Node runs on.
const msPerTick = 10

function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * msPerTick
}

function peakMiB(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function listening(child: ChildProcess, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let lastLine = ''
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        lastLine = line
        const [, address] = /listening on (\S+:\d+)/.exec(line) ?? []
        if (address !== undefined) resolve(address)
      })
    }
    child.once('close', (code) => reject(new Error(`${name} ended with ${code}: ${lastLine}`)))
  })
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** As the Makefile starts servers; the echo has it too. */
export const serverArgs = [
  '--max-semi-space-size=64',
  '--no-allocation-site-pretenuring',
  '--no-concurrent-recompilation',
]

/** The Node that runs the servers; NODE names another than the one that runs the bench. */
export const serverNode = process.env['NODE'] ?? process.execPath

type StartProgram = (stage: Stage, name: string, args: string[]) => Promise<Measured>

/** Starts a program that prints where it listens, on this Node. */
export function startOn(node: string): StartProgram {
  return async (stage, name, args) => {
    const child = spawn(node, [...serverArgs, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    stage.add(() => stop(child))
    const address = await listening(child, name)
    const pid = child.pid as number
    return {
      name,
      address,
      cpuMs: () => cpuMs(pid),
      peakMiB: () => peakMiB(pid),
      forgetPeak: () => forgetPeak(pid),
    }
  }
}

export const startProgram = startOn(serverNode)
