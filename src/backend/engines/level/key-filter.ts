// An engine with a Bloom filter in front: a key that the filter has not seen counts as absent without a lookup.
// After a start the keys of the database are loaded in the background; until all are loaded, every read looks up its
// row.
import { setTimeout as sleep } from 'node:timers/promises'
import { recordIdBytes } from '../../../core/envelope-sizes.js'
import { type BloomFilter, bloomFilter } from './bloom-filter.js'
import type { Engine } from './group-commit.js'
import type { Level, LevelHandle } from './handle.js'

/** An engine that skips lookups of absent keys. */
export interface FilteredEngine<Value> extends Engine<Value> {
  /** Stops loading keys; resolves when the loading has ended. */
  stop(): Promise<void>
}

const keysPerStep = 200
/** The pause after each step, as a multiple of the time the step took: it leaves the disk to other reads and writes. */
const pauseRatio = 3
/** Loading the keys also reads their rows, and so the whole database. A database larger than this gets no filter. */
const maxBytes = 8 * 1024 ** 3

/** Puts a Bloom filter in front of the engine of one database, and starts to load its keys. */
export function filteredEngine<Value>(engine: Engine<Value>, handle: LevelHandle<Value>): FilteredEngine<Value> {
  const filter = bloomFilter()
  const stopping = new AbortController()
  const loading = loadKeys(handle, filter, stopping.signal)
  return {
    async read(keys) {
      const candidates = keys.filter(filter.mayContain)
      const found = candidates.length > 0 ? await engine.read(candidates) : []
      let at = 0
      return keys.map((key) => (key === candidates[at] ? found[at++] : undefined))
    },
    write(changes) {
      for (const { key, value } of changes) if (value !== undefined) filter.add(key)
      return engine.write(changes)
    },
    async stop() {
      stopping.abort()
      await loading
    },
  }
}

/**
 * Adds every key of the database. Gives up on an abort, a read error or a database that is too large; never rejects.
 */
async function loadKeys<Value>(handle: LevelHandle<Value>, filter: BloomFilter, signal: AbortSignal): Promise<void> {
  try {
    if ((await handle.use(bytesOf)) > maxBytes) return
    let after: Buffer | undefined
    do {
      const began = performance.now()
      const range = after && { gt: after }
      const keys = await handle.use((level) => nextKeys(level, range, signal))
      for (const key of keys) filter.add(key)
      after = keys.at(-1)
      await sleep(pauseRatio * (performance.now() - began), undefined, { signal })
    } while (after !== undefined)
    filter.markComplete()
  } catch {
    // Until the next start every write looks up its row, and a lookup that meets an unreadable row reports the error.
  }
}

function bytesOf<Value>(level: Level<Value>): Promise<number> {
  return level.approximateSize(Buffer.alloc(0), Buffer.alloc(recordIdBytes, 0xff))
}

// Reads each step twice: LevelDB skips what it cannot read and reports it only at the end of a range, and a scan that
// stops at `limit` never reaches that end.
async function nextKeys<Value>(level: Level<Value>, range: { gt?: Buffer } | undefined, signal: AbortSignal) {
  const last = (await level.keys({ ...range, limit: keysPerStep, signal }).all()).at(-1)
  return last === undefined ? [] : level.keys({ ...range, lte: last, signal }).all()
}
