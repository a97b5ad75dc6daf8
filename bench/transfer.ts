// One transfer of a record and as many bytes of the echo, taking turns: a half of the echo before and one after it.
import { join } from 'node:path'
import type { LoadFlags, RunLoad } from './load.js'
import type { Servers } from './vault.js'

/** Of a message, as the vault's own clients and its downloads have it. */
export const messageBytes = 256 * 1024

export type Direction = 'up' | 'down'
export const directions: Direction[] = ['up', 'down']
const recordCalls = { up: 'upload', down: 'download' }
const bareCalls = { up: 'sink', down: 'source' }

export interface TransferBench {
  load: RunLoad
  folder: string
  vault: Servers
  echo: Servers
  /** Of a record. */
  mib: number
}

export interface Transfer {
  mib: number
  wallMs: number
  clientMs: number
  /** CPU of every server, in milliseconds, the one that is called first. */
  serversMs: number[]
  /** The most memory of every server meanwhile, in MiB. */
  peaksMiB: number[]
}

export interface TransferPair {
  direction: Direction
  record: Transfer
  bare: Transfer
}

async function measure(bench: TransferBench, servers: Servers, flags: LoadFlags & { mib: number }): Promise<Transfer> {
  for (const server of servers) server.forgetPeak()
  const before = servers.map((server) => server.cpuMs())
  const { wallMs, ownCpuMs } = await bench.load({ target: servers[0].address, size: messageBytes, ...flags })
  return {
    mib: flags.mib,
    wallMs,
    clientMs: ownCpuMs,
    serversMs: servers.map((server, at) => server.cpuMs() - (before[at] as number)),
    peaksMiB: servers.map((server) => server.peakMiB()),
  }
}

function together(a: Transfer, b: Transfer): Transfer {
  return {
    mib: a.mib + b.mib,
    wallMs: a.wallMs + b.wallMs,
    clientMs: a.clientMs + b.clientMs,
    serversMs: a.serversMs.map((ms, at) => ms + (b.serversMs[at] as number)),
    peaksMiB: a.peaksMiB.map((peak, at) => Math.max(peak, b.peaksMiB[at] as number)),
  }
}

/** A record of this round; `down` reads what `up` stored. */
export async function measureTransfer(
  bench: TransferBench,
  direction: Direction,
  round: string,
): Promise<TransferPair> {
  const half = () => measure(bench, bench.echo, { call: bareCalls[direction], mib: bench.mib / 2 })
  const names = { names: `record-${round}`, keys: join(bench.folder, `key-${round}`) }
  const before = await half()
  const record = await measure(bench, bench.vault, { call: recordCalls[direction], mib: bench.mib, ...names })
  return { direction, record, bare: together(before, await half()) }
}
