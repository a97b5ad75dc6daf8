// The report of a bench: what ran where, the table, and how far it can be trusted.
import { cpus } from 'node:os'
import { type Bench, calls, type Pair, type Sample, type Sizes, turns, users } from './measure.js'
import { sum } from './numbers.js'
import { doubtOf } from './others.js'
import { serverArgs } from './processes.js'
import { table } from './table.js'

export interface Run {
  /** What it ran on. */
  machine: string
  engine: string
  rounds: number
  sizes: Sizes
  pairs: Pair[]
  /** Processors that others kept busy. */
  othersBusy: number
}

const samplesOf = (pairs: Pair[]): Sample[] => pairs.flatMap(({ vault, echo }) => [vault, echo])

/** CPU time of the servers and of the load generator. */
export function oursMs(pairs: Pair[]): number {
  const servers = ({ serversUs, calls }: Sample) => (sum(serversUs) * calls) / 1000
  return sum(samplesOf(pairs).map((sample) => servers(sample) + sample.ownCpuMs))
}

function memoryOf({ vaults }: Bench): string {
  const servers = [...vaults.values()].flat()
  return servers.map(({ name, peakMiB }) => `${name} ${peakMiB().toFixed(0)} MiB`).join(', ')
}

function loadOf(pairs: Pair[]): string {
  const most = Math.max(...samplesOf(pairs).map(({ ownCpuMs, wallMs }) => ownCpuMs / wallMs))
  return `The load generator kept ${most.toFixed(2)} of ${cpus().length} processors busy at most`
}

function messagesOf({ store, retrieve }: Sizes): string {
  const of = (sizes: Sizes['store']) => `${sizes.size} bytes there and ${sizes['reply-size']} back`
  return `store ${of(store)}, retrieve ${of(retrieve)}`
}

export function report(bench: Bench, run: Run): string {
  const { machine, engine, rounds, sizes, pairs, othersBusy } = run
  const date = new Date().toISOString().slice(0, 10)
  return `# Records of 1 KiB beside a bare echo, ${date}

- Engine: ${engine}
- Machine: ${machine}
- All servers run on \`node ${serverArgs.join(' ')}\`.
- 64 records unanswered, ${users} users, split keys. The plural methods are streams: 4 of them, 16 items unanswered each.
- The echo: two hops of grpc-js, unary calls, the same sizes: ${messagesOf(sizes)}.
- Rounds: ${rounds}, of ${calls} records a row, in ${turns} turns with the echo. Figures are medians over the rounds, a ratio
  is of a row and the echo beside it, and CPU is per record.

${table(pairs)}

- Most memory resident: ${memoryOf(bench)}.
- ${loadOf(pairs)}; other programs, ${othersBusy.toFixed(2)} on average${doubtOf(othersBusy, 'record')}.
`
}
