// The servers: a vault of two processes or of one, the echo of two hops that they are compared with, and echoes of one hop.
import { join } from 'node:path'
import type { Engine } from './engine.js'
import { type Measured, startProgram } from './processes.js'
import type { OneHop, VaultProcesses } from './rows.js'
import type { Stage } from './stage.js'

/** Processes, the one that is called first. */
export type Servers = [Measured, ...Measured[]]

export interface Place {
  stage: Stage
  folder: string
  engine: Engine
  nodeArgs: string[]
}

function set(...settings: string[]): string[] {
  return settings.flatMap((setting) => ['--set', setting])
}

// The log as it is by default, a line a call in a file, but not on the terminal.
function common(folder: string): string[] {
  const log = set('log.stdout=false', `log.dir=${join(folder, 'log')}`)
  return ['--config', 'config/config.cmd.json', ...log]
}

function frontendSettings(folder: string): string[] {
  return set(`frontend.keyringFile=${join(folder, 'fe/keyring.json')}`, 'frontend.port=0')
}

const tsx = ['--import', 'tsx']

/** The command lines of the echoes of one hop. */
export const oneHopPrograms: Record<OneHop, string[]> = {
  'grpc-js': [...tsx, 'bench/echo-server.ts'],
  'node-http2': [...tsx, 'bench/http2-echo-server.ts', 'node'],
  'own-http2': [...tsx, 'bench/http2-echo-server.ts', 'own'],
}

/** Starts an echo of one hop. */
export async function startOneHop(stage: Stage, hop: OneHop): Promise<Servers> {
  return [await startProgram(stage, `echo on ${hop}`, oneHopPrograms[hop])]
}

export function startVault(place: Place, processes: VaultProcesses): Promise<Servers> {
  return processes === 'stubs' ? startTwoHops(place.stage, 'bench/stub-echo-server.ts') : startOurs(place, processes)
}

async function startOurs(place: Place, processes: VaultProcesses): Promise<Servers> {
  const { stage, engine, nodeArgs } = place
  const name = processes === 1 ? 'one' : 'two'
  const folder = join(place.folder, name)
  const store = set(...engine.settings(name), 'backend.port=0')
  const program = (file: string) => [...nodeArgs, `dist/cmd/${file}.js`]
  if (processes === 1) {
    const up = [...program('enc-server'), 'up', ...common(folder), ...frontendSettings(folder), ...store]
    return [await startProgram(stage, 'both in one process', up)]
  }
  const backend = await startProgram(stage, 'back end', [...program('beserver'), ...common(folder), ...store])
  const to = set(`frontend.backend.address=${backend.address}`)
  const frontend = [...program('feserver'), ...common(folder), ...frontendSettings(folder), ...to]
  return [await startProgram(stage, 'front end', frontend), backend]
}

export function startEcho(stage: Stage): Promise<Servers> {
  return startTwoHops(stage, 'bench/echo-server.ts')
}

async function startTwoHops(stage: Stage, program: string): Promise<Servers> {
  const echo = [...tsx, program]
  const last = await startProgram(stage, 'echo, last hop', echo)
  return [await startProgram(stage, 'echo, first hop', [...echo, last.address]), last]
}
