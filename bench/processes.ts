// The processes a bench measures: started, asked for the CPU time they have used, stopped.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

export interface Measured {
  /** Where it listens. */
  address: string
  /** User and system CPU time since it started, in milliseconds. */
  cpuMs(): number
  /** Resident memory, in MiB. */
  rssMiB(): number
  stop(): Promise<void>
}

// USER_HZ, the unit of /proc/<pid>/stat, is 100 on every Linux that Node runs on.
const msPerTick = 10

function statOf(pid: number): { ticks: number; rssPages: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { ticks: Number(fields[11]) + Number(fields[12]), rssPages: Number(fields[21]) }
}

function listening(child: ChildProcess, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        const [, address] = /listening on (\S+:\d+)/.exec(line) ?? []
        if (address !== undefined) resolve(address)
      })
    }
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} instead of listening`)))
  })
}

/** Starts a Node program that says where it listens. */
export async function startProgram(name: string, args: string[]): Promise<Measured> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const address = await listening(child, name)
  const pid = child.pid as number
  return {
    address,
    cpuMs: () => statOf(pid).ticks * msPerTick,
    rssMiB: () => (statOf(pid).rssPages * 4096) / 1024 ** 2,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

export interface Load {
  calls: number
  failed: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  wallMs: number
  ownCpuMs: number
  firstError?: string
}

/** Runs the load generator to its end; rejects when a call failed. */
export async function runLoad(program: string, flags: Record<string, string | number>): Promise<Load> {
  const args = Object.entries(flags).flatMap(([name, value]) => [`-${name}`, String(value)])
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the load failed: ${text}`)
  return JSON.parse(text)
}
