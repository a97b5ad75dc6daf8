// What a bench ran on, and who else was at work meanwhile.
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { median } from './numbers.js'
import { serverNode } from './processes.js'

/** Processor, memory, system, and what a sync costs in this folder. */
export function machine(folder: string): string {
  const processor = `${cpus().length} × ${cpus()[0]?.model}`
  const memory = `${(totalmem() / 1024 ** 3).toFixed(0)} GiB of memory`
  const [, fileSystem] = execFileSync('df', ['--output=fstype', folder], { encoding: 'utf8' }).split('\n')
  const disk = `data on ${fileSystem}, where a synced write of 4 KiB takes ${syncMs(folder).toFixed(2)} ms`
  return `${processor}, ${memory}, Linux ${release()}, Node ${serverVersion()}; ${disk}`
}

function serverVersion(): string {
  return execFileSync(serverNode, ['--version'], { encoding: 'utf8' }).trim()
}

function syncMs(folder: string): number {
  const file = openSync(join(folder, 'sync'), 'w')
  const times = Array.from({ length: 50 }, () => {
    const began = performance.now()
    writeSync(file, Buffer.alloc(4096))
    fdatasyncSync(file)
    return performance.now() - began
  })
  closeSync(file)
  return median(times)
}

/** CPU time of all processors since the start of the machine, without what they idled, in milliseconds. */
export function busyMs(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
}
