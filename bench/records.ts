// What a record costs: StoreRecord and RetrieveRecord, 1 KiB, 64 in flight, 10 000 users, durable, with front end and back
// end as two processes and as one, in unary calls and on streams; and in the same run a bare two-hop gRPC echo of the same
// sizes. Machines are noisy: compare the ratios, which are of pairs, and the CPU per record.
//
//   make bench                               three rounds on LevelDB, written to bench/results
//   make bench ROUNDS=5                      five
//   make bench MONGODB=1                     on MONGODB_URI, a mongod, or mongo-java-server (test/servers/mongo.ts)
//   make bench ONLY=store,retrieve-streams   these rows; nothing is written
//   make bench ONLY=store CPU_PROF=/tmp/p    this one, and a CPU profile of every server of the vault in that folder
//
//   make bench NODE=/opt/node24/bin/node     the servers on another Node than the bench
//
// Rows: store and retrieve, each also with -streams, -one-process or -streams-one-process; -one-hop, -node-http2 or -own-http2
// for the most a server on grpc-js, on node:http2 or on our own HTTP/2 can answer; or -stubs for an echo of the same messages
// by generated stubs. Linux with Go.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { levelEngine, mongoEngine } from './engine.js'
import { buildLoad } from './load.js'
import { machine } from './machine.js'
import { type Bench, measurePair, type Pair, type Sizes, warmUp } from './measure.js'
import { type Options, optionsOf } from './options.js'
import { watchOthers } from './others.js'
import { note, writeResults } from './output.js'
import { oursMs, report } from './report.js'
import { isOneHop, type OneHop, type VaultProcesses } from './rows.js'
import { openStage } from './stage.js'
import { throughputRatio } from './table.js'
import { type Place, type Servers, startEcho, startOneHop, startVault } from './vault.js'

async function setUp(place: Place, { rows }: Options): Promise<Bench> {
  const load = buildLoad(place.folder)
  const vaults = new Map<VaultProcesses, Servers>()
  const oneHops = new Map<OneHop, Servers>()
  // The echoes need a vault too, to learn the sizes of messages from.
  for (const processes of new Set([2 as const, ...rows.map((row) => row.processes)])) {
    if (isOneHop(processes)) oneHops.set(processes, await startOneHop(place.stage, processes))
    else vaults.set(processes, await startVault(place, processes))
  }
  return { load, folder: place.folder, vaults, oneHops, echo: await startEcho(place.stage) }
}

async function measureAll(bench: Bench, sizes: Sizes, { rounds, rows }: Options): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (let round = 0; round < rounds; round += 1) {
    for (const row of rows) {
      const pair = await measurePair(bench, sizes, { row, round })
      pairs.push(pair)
      note(`round ${round + 1}, ${row.title}: ${throughputRatio(pair).toFixed(2)} of the echo`)
    }
  }
  return pairs
}

async function main(options: Options): Promise<void> {
  const stage = openStage()
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-bench-'))
  stage.add(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const engine = options.mongodb ? await mongoEngine(folder, stage) : levelEngine(folder)
    const bench = await setUp({ stage, folder, engine, nodeArgs: options.nodeArgs }, options)
    note('warming up')
    const sizes = await warmUp(bench, options.rows)
    const place = machine(folder)
    const othersBusy = watchOthers()
    const pairs = await measureAll(bench, sizes, options)
    const run = { machine: place, engine: engine.title, rounds: options.rounds, sizes, pairs }
    const text = report(bench, { ...run, othersBusy: othersBusy(oursMs(pairs)) })
    process.stdout.write(text)
    if (options.whole) writeResults(text, options.mongodb ? 'records-mongodb' : 'records')
  } finally {
    await stage.end()
  }
}

function options(): Options {
  try {
    return optionsOf(process.argv.slice(2))
  } catch (error) {
    note(`error: ${(error as Error).message}`)
    process.exit(2)
  }
}

await main(options())
