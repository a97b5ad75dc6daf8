// What an HTTP/2 server costs under a bare gRPC echo: CPU per call of grpc-js, of node:http2 by hand, and of ours, on one
// or several versions of Node. Decides whether ours stays (ADR 16). Linux with Go; needs a quiet machine.
//
//   make bench-http2                                              five rounds on the Node of the shell
//   make bench-http2 NODES="/opt/node22/bin/node /opt/node24/bin/node" ROUNDS=9
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildLoad, type RunLoad } from './load.js'
import { median } from './numbers.js'
import { note } from './output.js'
import { type Measured, startOn } from './processes.js'
import { openStage, type Stage } from './stage.js'
import { tableOf } from './table.js'
import { oneHopPrograms } from './vault.js'

const shape = { 'in-flight': 64, call: 'echo', size: 1024, 'reply-size': 128 }
/** Ours stays while it costs less than this share of node:http2. */
const maxShare = 0.85
const programs = Object.entries(oneHopPrograms)

interface Options {
  nodes: string[]
  rounds: number
  calls: number
}

function optionsOf(args: string[]): Options {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { rounds: { type: 'string', default: '5' }, calls: { type: 'string', default: '48000' } },
  })
  const nodes = positionals.length > 0 ? positionals : [process.execPath]
  return { nodes, rounds: Number(values.rounds), calls: Number(values.calls) }
}

function versionOf(node: string): string {
  const { stdout, error } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (error !== undefined) throw error
  return `Node ${stdout.trim()}`
}

interface Server {
  title: string
  node: string
  measured: Measured
  /** CPU per call of each round, in microseconds. */
  costs: number[]
}

async function startServers(stage: Stage, { nodes }: Options): Promise<Server[]> {
  const servers: Server[] = []
  for (const node of nodes) {
    for (const [title, program] of programs) {
      const measured = await startOn(node)(stage, title, program)
      servers.push({ title, node, measured, costs: [] })
    }
  }
  return servers
}

async function costOf({ measured }: Server, load: RunLoad, calls: number): Promise<number> {
  const before = measured.cpuMs()
  await load({ ...shape, target: measured.address, calls })
  return ((measured.cpuMs() - before) * 1000) / calls
}

async function measure(servers: Server[], load: RunLoad, { rounds, calls }: Options): Promise<void> {
  for (const server of servers) await costOf(server, load, calls / 2)
  for (let round = 1; round <= rounds; round += 1) {
    // Every other round backwards, so that a machine that slows down does not favour the first.
    for (const server of round % 2 === 0 ? servers.toReversed() : servers) {
      server.costs.push(await costOf(server, load, calls))
    }
    note(`round ${round} of ${rounds}`)
  }
}

function report(servers: Server[], { nodes, rounds, calls }: Options): string {
  const of = (title: string, node: string) =>
    servers.find((server) => server.title === title && server.node === node)?.costs ?? []
  const cost = (costs: number[]) => `${Math.min(...costs).toFixed(1)}, ${median(costs).toFixed(1)}`
  const share = (node: string) => Math.min(...of('own-http2', node)) / Math.min(...of('node-http2', node))
  const rows = programs.map(([title]) => [title, ...nodes.map((node) => cost(of(title, node)))])
  const shares = ['own-http2 / node-http2, of the minima', ...nodes.map((node) => share(node).toFixed(2))]
  const table = tableOf(['server CPU µs per call: minimum, median', ...nodes.map(versionOf)], [...rows, shares])
  return `${table}\n\n${rounds} rounds of ${calls} calls, 64 in flight. Ours stays below ${maxShare} of node-http2 (ADR 16).\n`
}

async function main(options: Options): Promise<void> {
  const stage = openStage()
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-bench-'))
  stage.add(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const load = buildLoad(folder)
    const servers = await startServers(stage, options)
    await measure(servers, load, options)
    process.stdout.write(report(servers, options))
  } finally {
    await stage.end()
  }
}

await main(optionsOf(process.argv.slice(2)))
