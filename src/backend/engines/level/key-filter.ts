// Spares writes the reading of rows that are not there: known-keys.ts, for one database. After a start it is told of the
// keys that are there already, beside the database's other work; until then all are read.
import { setTimeout as sleep } from 'node:timers/promises'
import { recordIdBytes } from '../../../core/envelope-sizes.js'
import { type BloomFilter, bloomFilter } from './bloom-filter.js'
import type { Engine } from './group-commit.js'
import type { Level, LevelHandle } from './handle.js'

export interface FilteredEngine<Value> extends Engine<Value> {
  /** Ends the learning. */
  stop(): Promise<void>
}

const stepKeys = 200
/** How long to pause after a step, in times of what it took: others read and write as well. */
const pauses = 3
/** To learn a key is to read its row: a larger database is not learnt, as each start would read all of it. */
const mostBytes = 8 * 1024 ** 3

export function filteredEngine<Value>(engine: Engine<Value>, handle: LevelHandle<Value>): FilteredEngine<Value> {
  const known = bloomFilter()
  const stopping = new AbortController()
  const learning = learn(handle, known, stopping.signal)
  return {
    async read(keys) {
      const perhaps = keys.filter(known.mayHave)
      const found = perhaps.length > 0 ? await engine.read(perhaps) : []
      let at = 0
      return keys.map((key) => (key === perhaps[at] ? found[at++] : undefined))
    },
    write(changes) {
      for (const { key, value } of changes) if (value !== undefined) known.add(key)
      return engine.write(changes)
    },
    async stop() {
      stopping.abort()
      await learning
    },
  }
}

/** Ends when all are known, when they are too large, with the signal, or when they cannot be read; never rejects. */
async function learn<Value>(handle: LevelHandle<Value>, known: BloomFilter, signal: AbortSignal): Promise<void> {
  try {
    if ((await handle.use(bytesOf)) > mostBytes) return
    let after: Buffer | undefined
    do {
      const began = performance.now()
      const range = after && { gt: after }
      const keys = await handle.use((level) => nextKeys(level, range, signal))
      for (const key of keys) known.add(key)
      after = keys.at(-1)
      await sleep(pauses * (performance.now() - began), undefined, { signal })
    } while (after !== undefined)
    known.complete()
  } catch {
    // Until the next start, writes go on to read all rows, and say what is wrong.
  }
}

function bytesOf<Value>(level: Level<Value>): Promise<number> {
  return level.approximateSize(Buffer.alloc(0), Buffer.alloc(recordIdBytes, 0xff))
}

// LevelDB passes over what it cannot read, and says so only at the end of a range: one that ends at a limit has no end.
async function nextKeys<Value>(level: Level<Value>, range: { gt?: Buffer } | undefined, signal: AbortSignal) {
  const last = (await level.keys({ ...range, limit: stepKeys, signal }).all()).at(-1)
  return last === undefined ? [] : level.keys({ ...range, lte: last, signal }).all()
}
