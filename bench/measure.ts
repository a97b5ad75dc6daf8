// One row and its echo, taking turns: a machine that is slow for a while is slow for both.
import { join } from 'node:path'
import type { Load, LoadFlags, RunLoad } from './load.js'
import { sum } from './numbers.js'
import { type Call, isOneHop, type OneHop, type Row, type VaultProcesses } from './rows.js'
import type { Servers } from './vault.js'

export const users = 10_000
/** Of a row in a round: more than fit into a table of LevelDB, so that each round pays for at least one. */
export const calls = 48_000
/** A row and its echo take turns so often in a round. */
export const turns = 4
const callsOfTurn = calls / turns
const shape = { 'in-flight': 64, users }

export interface Bench {
  load: RunLoad
  folder: string
  vaults: Map<VaultProcesses, Servers>
  oneHops: Map<OneHop, Servers>
  echo: Servers
}

/** Bytes of a request and a reply between caller and vault. */
export type Sizes = Record<Call, { size: number; 'reply-size': number }>

export interface Sample extends Load {
  /** CPU per record of every server, in microseconds, the one that is called first. */
  serversUs: number[]
}

export interface Pair {
  row: Row
  vault: Sample
  echo: Sample
}

async function measure(servers: Servers, run: () => Promise<Load>): Promise<Sample> {
  const before = servers.map((server) => server.cpuMs())
  const load = await run()
  const serversUs = servers.map((server, at) => ((server.cpuMs() - (before[at] as number)) * 1000) / load.calls)
  return { ...load, serversUs }
}

function vaultFlags({ folder }: Bench, { call, streams, processes }: Row): LoadFlags {
  const keys = join(folder, `keys-${processes}`)
  return { ...shape, call, streams, ...(call === 'retrieve' && { keys, names: 'first' }) }
}

function runVault(bench: Bench, row: Row, flags: LoadFlags): Promise<Sample> {
  const servers = bench.vaults.get(row.processes as VaultProcesses) as Servers
  const target = servers[0].address
  return measure(servers, () => bench.load({ target, ...vaultFlags(bench, row), ...flags }))
}

function runEcho(load: RunLoad, echo: Servers, flags: LoadFlags): Promise<Sample> {
  return measure(echo, () => load({ ...shape, target: echo[0].address, call: 'echo', calls: callsOfTurn, ...flags }))
}

/** Stores a record for every user, for the retrieves to come, and warms up; learns how large messages are. */
export async function warmUp(bench: Bench, rows: Row[]): Promise<Sizes> {
  const sizes = {} as Sizes
  for (const processes of bench.vaults.keys()) {
    const keys = join(bench.folder, `keys-${processes}`)
    for (const [call, count] of [
      ['store', users],
      ['retrieve', 2_000],
    ] as const) {
      const row: Row = { id: '', title: '', call, streams: 0, processes }
      const { requestBytes, replyBytes } = await runVault(bench, row, { keys, names: 'first', calls: count })
      if (processes !== 'stubs') sizes[call] = { size: requestBytes, 'reply-size': replyBytes }
    }
  }
  for (const row of rows.filter(({ processes }) => !isOneHop(processes))) {
    await runVault(bench, row, { calls: 2_000, ...namesOf(row, 'warm-up') })
  }
  for (const echo of [bench.echo, ...bench.oneHops.values()]) await runEcho(bench.load, echo, sizes.store)
  return sizes
}

// Every store makes new records; every retrieve reads those of the warm-up.
function namesOf({ id, call }: Row, round: string | number): LoadFlags {
  return call === 'store' ? { names: `${id}-${round}` } : {}
}

/** The turns of a round as one; their latencies are averaged. */
function together(samples: Sample[]): Sample {
  const total = (figure: (sample: Sample) => number) => sum(samples.map(figure))
  const mean = (figure: (sample: Sample) => number) => total(figure) / samples.length
  const first = samples[0] as Sample
  const [calls, wallMs] = [total((sample) => sample.calls), total((sample) => sample.wallMs)]
  return {
    ...first,
    calls,
    wallMs,
    ownCpuMs: total((sample) => sample.ownCpuMs),
    perSecond: (calls * 1000) / wallMs,
    p50Ms: mean((sample) => sample.p50Ms),
    p99Ms: mean((sample) => sample.p99Ms),
    serversUs: first.serversUs.map((_, at) => mean(({ serversUs }) => serversUs[at] as number)),
  }
}

/** In turns, each but the first and the last next to its like, so that what changes meanwhile is in both. */
export async function measurePair(
  bench: Bench,
  sizes: Sizes,
  { row, round }: { row: Row; round: number },
): Promise<Pair> {
  const vault: Sample[] = []
  const echo: Sample[] = []
  const once = () =>
    isOneHop(row.processes)
      ? runEcho(bench.load, bench.oneHops.get(row.processes) as Servers, sizes[row.call])
      : runVault(bench, row, { calls: callsOfTurn, ...namesOf(row, `${round}-${vault.length}`) })
  const runRow = async () => vault.push(await once())
  const runBare = async () => echo.push(await runEcho(bench.load, bench.echo, sizes[row.call]))
  const [first, second] = round % 2 === 0 ? [runBare, runRow] : [runRow, runBare]
  for (let turn = 0; turn < turns; turn += 1) {
    for (const run of turn % 2 === 0 ? [first, second] : [second, first]) await run()
  }
  return { row, vault: together(vault), echo: together(echo) }
}
