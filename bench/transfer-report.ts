// The report of a bench of transfers.
import { cpus } from 'node:os'
import { median, sum } from './numbers.js'
import { doubtOf } from './others.js'
import { serverArgs } from './processes.js'
import { spread, tableOf } from './table.js'
import { directions, messageBytes, type Transfer, type TransferPair } from './transfer.js'

export interface TransferRun {
  /** What it ran on. */
  machine: string
  rounds: number
  mib: number
  pairs: TransferPair[]
  /** Processors that others kept busy. */
  othersBusy: number
}

const columns = [
  '',
  'MiB/s',
  'server CPU ms/MiB',
  'first hop',
  'second hop',
  'client CPU ms/MiB',
  'peak MiB, first hop',
  'peak MiB, second hop',
  'MiB/s / bare (min..max)',
  'server CPU / bare (min..max)',
]
const titles = { up: ['bare stream up', 'UploadRecord'], down: ['bare stream down', 'DownloadRecord'] } as const

const speed = ({ mib, wallMs }: Transfer) => (mib * 1000) / wallMs
const serversMs = ({ serversMs, mib }: Transfer) => sum(serversMs) / mib

/** How much of the bare stream's speed the record had. */
export function speedRatio({ record, bare }: TransferPair): number {
  return speed(record) / speed(bare)
}

function cpuRatio({ record, bare }: TransferPair): number {
  return serversMs(record) / serversMs(bare)
}

/** CPU time of the servers and of the client. */
export function transfersMs(pairs: TransferPair[]): number {
  return sum(transfersOf(pairs).map(({ serversMs, clientMs }) => sum(serversMs) + clientMs))
}

const transfersOf = (pairs: TransferPair[]): Transfer[] => pairs.flatMap(({ record, bare }) => [record, bare])

function cellsOf(transfers: Transfer[]): string[] {
  const of = (figure: (transfer: Transfer) => number) => median(transfers.map(figure))
  const hops = [0, 1].map((at) => of((transfer) => (transfer.serversMs[at] as number) / transfer.mib))
  const cpu = [of(serversMs), ...hops, of(({ clientMs, mib }) => clientMs / mib)]
  const peaks = [0, 1].map((at) => Math.max(...transfers.map(({ peaksMiB }) => peaksMiB[at] as number)))
  return [of(speed).toFixed(0), ...cpu.map((ms) => ms.toFixed(2)), ...peaks.map((peak) => peak.toFixed(0))]
}

function rowsOf(pairs: TransferPair[]): string[][] {
  return directions.flatMap((direction) => {
    const mine = pairs.filter((pair) => pair.direction === direction)
    const [bare, record] = titles[direction]
    const ratios = [spread(mine.map(speedRatio)), spread(mine.map(cpuRatio))]
    return [
      [bare, ...cellsOf(mine.map((pair) => pair.bare)), '1.00', '1.00'],
      [record, ...cellsOf(mine.map((pair) => pair.record)), ...ratios],
    ]
  })
}

function clientLoad(pairs: TransferPair[]): string {
  const most = Math.max(...transfersOf(pairs).map(({ clientMs, wallMs }) => clientMs / wallMs))
  return `The client kept ${most.toFixed(2)} of ${cpus().length} processors busy at most`
}

export function transferReport({ machine, rounds, mib, pairs, othersBusy }: TransferRun): string {
  const date = new Date().toISOString().slice(0, 10)
  return `# A record of ${mib} MiB beside a bare stream, ${date}

- Parts: files, every one synced
- Machine: ${machine}
- All servers run on \`node ${serverArgs.join(' ')}\`.
- One transfer at a time. First hop: front end; second hop: back end. Both directions of a round use the same record.
- The bare stream: two hops of grpc-js, messages of ${messageBytes / 1024} KiB as the vault's own, made by the last hop or dropped there:
  no disk, no cipher. Its hops run under tsx, which is in their memory.
- The client is the same for both. It makes what it sends and checks every byte that comes.
- Rounds: ${rounds}. Half of the bare stream comes before the record and half after it. Figures are medians over the rounds,
  ratios are of a record and the stream around it, peaks (VmHWM) the highest of a round. What is downloaded was
  uploaded a moment ago: it comes from the page cache.

${tableOf(columns, rowsOf(pairs))}

- ${clientLoad(pairs)}; other programs, ${othersBusy.toFixed(2)} on average${doubtOf(othersBusy, 'MiB')}.
`
}
