// The load generator: a program in Go, built for the run.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** What it prints. */
export interface Load {
  calls: number
  failed: number
  perSecond: number
  p50Ms: number
  p99Ms: number
  wallMs: number
  ownCpuMs: number
  /** Of a unary call, on average. */
  requestBytes: number
  replyBytes: number
  firstError?: string
}

export type LoadFlags = Record<string, string | number>

/** Runs the load generator to its end; rejects when a call failed. */
export type RunLoad = (flags: LoadFlags) => Promise<Load>

export function buildLoad(folder: string): RunLoad {
  const program = join(folder, 'load')
  const { status, error } = spawnSync('go', ['build', '-o', program, '.'], { cwd: 'bench/load', stdio: 'inherit' })
  if (error !== undefined)
    throw new Error('the load generator needs Go: install it from https://go.dev/dl', { cause: error })
  if (status !== 0) throw new Error('the load generator does not build')
  return (flags) => run(program, flags)
}

async function run(program: string, flags: LoadFlags): Promise<Load> {
  const args = Object.entries(flags).flatMap(([name, value]) => [`-${name}`, String(value)])
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the load failed: ${text}`)
  return JSON.parse(text)
}
