// The results as a table: medians over the rounds.
import type { Pair, Sample } from './measure.js'
import { median, sum } from './numbers.js'
import type { Call } from './rows.js'

const columns = [
  '',
  'per second',
  'p50 ms',
  'p99 ms',
  'server CPU µs',
  'front end',
  'back end',
  'load CPU µs',
  'throughput / echo (min..max)',
  'server CPU / echo (min..max)',
]

const serverUs = ({ serversUs }: Sample) => sum(serversUs)
const loadUs = ({ ownCpuMs, calls }: Sample) => (ownCpuMs * 1000) / calls

/** Of two processes, what each takes; one process is both. */
function serverCells(samples: Sample[]): string[] {
  const both = samples.every(({ serversUs }) => serversUs.length === 2)
  const each = [0, 1].map((at) =>
    both ? median(samples.map(({ serversUs }) => serversUs[at] as number)).toFixed(0) : '–',
  )
  return [median(samples.map(serverUs)).toFixed(0), ...each]
}

function cellsOf(samples: Sample[]): string[] {
  const of = (figure: (sample: Sample) => number) => median(samples.map(figure))
  const speed = [of((sample) => sample.perSecond).toFixed(0)]
  const latency = [of((sample) => sample.p50Ms).toFixed(1), of((sample) => sample.p99Ms).toFixed(1)]
  return [...speed, ...latency, ...serverCells(samples), of(loadUs).toFixed(0)]
}

/** How much of the echo's throughput the row had. */
export function throughputRatio({ vault, echo }: Pair): number {
  return vault.perSecond / echo.perSecond
}

function cpuRatio({ vault, echo }: Pair): number {
  return serverUs(vault) / serverUs(echo)
}

/** The median of ratios, and how far they are apart. */
export function spread(ratios: number[]): string {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)]
  return `${median(ratios).toFixed(2)} (${least.toFixed(2)}..${most.toFixed(2)})`
}

function rowLine(pairs: Pair[]): string[] {
  const title = pairs[0]?.row.title as string
  const vault = pairs.map((pair) => pair.vault)
  return [title, ...cellsOf(vault), spread(pairs.map(throughputRatio)), spread(pairs.map(cpuRatio))]
}

function groupsOf(pairs: Pair[]): Pair[][] {
  const ids = [...new Set(pairs.map(({ row }) => row.id))]
  return ids.map((id) => pairs.filter(({ row }) => row.id === id))
}

/** The echo of these pairs, then a line for every row. */
function section(call: Call, pairs: Pair[]): string[][] {
  const mine = pairs.filter(({ row }) => row.call === call)
  if (mine.length === 0) return []
  const echo = [`bare echo, sizes of ${call}`, ...cellsOf(mine.map((pair) => pair.echo)), '1.00', '1.00']
  return [echo, ...groupsOf(mine).map(rowLine)]
}

export function tableOf(columns: string[], rows: string[][]): string {
  const lines = [columns, columns.map(() => '---'), ...rows]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

export function table(pairs: Pair[]): string {
  return tableOf(columns, [...section('store', pairs), ...section('retrieve', pairs)])
}
