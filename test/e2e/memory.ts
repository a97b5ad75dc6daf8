// How much memory processes have in use, as Linux counts it.
import { readFileSync } from 'node:fs'
import type { Running } from './processes.js'

const sampleMs = 50

function residentMiB({ pid }: Running): number {
  const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

export interface MemoryWatch {
  /** The most that each process had in use since the start, in MiB. */
  stop(): Record<string, number>
}

export function watchMemory(...processes: Running[]): MemoryWatch {
  const most: Record<string, number> = {}
  const sample = () => {
    for (const process of processes) {
      most[process.program] = Math.max(most[process.program] ?? 0, Math.round(residentMiB(process)))
    }
  }
  sample()
  const timer = setInterval(sample, sampleMs)
  return {
    stop() {
      clearInterval(timer)
      sample()
      return most
    },
  }
}
