// How much V8 moves out of young memory while short-lived objects pass through something that lives long.
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void

function oldBytes(): number {
  const [old] = getHeapSpaceStatistics().filter(({ space_name }) => space_name === 'old_space')
  return old?.space_used_size ?? Number.NaN
}

function collectYoung(): void {
  for (let times = 0; times < 2; times += 1) collect({ type: 'minor' }) // what lives through both is moved
}

/** Bytes for each time that `pass` is called; what it passes through, and holds, is in old memory before. */
export function promotedBytes(pass: (at: number) => void, times: number): number {
  for (let at = 0; at < 100; at += 1) pass(at)
  collect()
  collectYoung()
  const before = oldBytes()
  for (let at = 0; at < times; at += 1) pass(100 + at)
  collectYoung()
  return (oldBytes() - before) / times
}
