// What a large record costs: UploadRecord and DownloadRecord of 1 GiB through a front end and a back end of a process
// each; and in the same run a bare two-hop gRPC stream of as many bytes in messages of the same size. Machines are noisy:
// compare the ratios, which are of pairs, and the CPU per MiB.
//
//   make bench-transfers                   two rounds of 1 GiB, written to bench/results
//   make bench-transfers ROUNDS=5          five
//   make bench-transfers MIB=64            a smaller record; nothing is written
//   make bench-transfers CPU_PROF=/tmp/p   a CPU profile of both servers in that folder; nothing is written
//
// It needs room for a record a round, in TMPDIR, and frees it at the end. Linux with Go.
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { levelEngine } from './engine.js'
import { buildLoad } from './load.js'
import { machine } from './machine.js'
import { watchOthers } from './others.js'
import { note, writeResults } from './output.js'
import { openStage, type Stage } from './stage.js'
import { directions, measureTransfer, type TransferBench, type TransferPair } from './transfer.js'
import { speedRatio, transferReport, transfersMs } from './transfer-report.js'
import { startEcho, startVault } from './vault.js'

interface Options {
  mib: number
  rounds: number
  /** Arguments of Node for the servers of the vault. */
  nodeArgs: string[]
}

const defaultMib = 1024
const warmUpMib = 64

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      mib: { type: 'string', default: String(defaultMib) },
      rounds: { type: 'string', default: '2' },
      'cpu-prof': { type: 'string' },
    },
  })
  const [mib, rounds] = [Number(values.mib), Number(values.rounds)]
  if (!Number.isInteger(mib / 2) || mib < 2) throw new Error(`"${values.mib}" MiB have no halves: give an even number`)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`"${values.rounds}" rounds are none: give 1 or more`)
  const profiles = values['cpu-prof']
  return { mib, rounds, nodeArgs: profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`] }
}

function requireRoom({ mib, rounds }: Options): void {
  const { bavail, bsize } = statfsSync(tmpdir())
  const [freeMib, neededMib] = [(bavail * bsize) / 1024 ** 2, Math.ceil((mib * rounds + warmUpMib) * 1.05) + 256]
  if (freeMib < neededMib) throw new Error(`${tmpdir()} has no room for ${neededMib} MiB: set TMPDIR, MIB or ROUNDS`)
}

async function setUp(stage: Stage, folder: string, { mib, nodeArgs }: Options): Promise<TransferBench> {
  const load = buildLoad(folder)
  const place = { stage, folder, engine: levelEngine(folder), nodeArgs }
  return { load, folder, vault: await startVault(place, 2), echo: await startEcho(stage), mib }
}

async function measureRound(bench: TransferBench, round: string): Promise<TransferPair[]> {
  const pairs: TransferPair[] = []
  for (const direction of directions) {
    const pair = await measureTransfer(bench, direction, round)
    pairs.push(pair)
    note(`round ${round}, ${direction}: ${speedRatio(pair).toFixed(2)} of the bare stream`)
  }
  return pairs
}

async function measureAll(bench: TransferBench, { rounds }: Options): Promise<TransferPair[]> {
  const pairs: TransferPair[] = []
  for (let round = 1; round <= rounds; round += 1) pairs.push(...(await measureRound(bench, String(round))))
  return pairs
}

async function main(options: Options): Promise<void> {
  const stage = openStage()
  const folder = mkdtempSync(join(tmpdir(), 'enc-server-bench-'))
  stage.add(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const bench = await setUp(stage, folder, options)
    await measureRound({ ...bench, mib: warmUpMib }, 'of the warm-up')
    const place = machine(folder)
    const othersBusy = watchOthers()
    const pairs = await measureAll(bench, options)
    const text = transferReport({ machine: place, ...options, pairs, othersBusy: othersBusy(transfersMs(pairs)) })
    process.stdout.write(text)
    if (options.mib === defaultMib && options.nodeArgs.length === 0) writeResults(text, 'transfers')
  } finally {
    await stage.end()
  }
}

function options(): Options {
  try {
    const given = optionsOf(process.argv.slice(2))
    requireRoom(given)
    return given
  } catch (error) {
    note(`error: ${(error as Error).message}`)
    process.exit(2)
  }
}

await main(options())
