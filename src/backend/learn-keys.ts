// Spares writes the reading of rows that are not there: known-keys.ts, for one database. After a start it is told of the
// keys that are there already, beside the database's other work; until then all are read.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Engine } from './group-commit.js'
import { type KnownKeys, knownKeys } from './known-keys.js'
import type { LevelHandle } from './level-handle.js'

export interface KnowingEngine<Value> extends Engine<Value> {
  /** Ends the learning. */
  stop(): Promise<void>
}

// To read a key is to read its row: some 200 MB a second at most.
const stepKeys = 1_000
const stepPauseMs = 5
/** More are not learnt: a start would read for minutes, and too many would be taken for there. */
export const mostKeys = 10_000_000

export function knowingEngine<Value>(engine: Engine<Value>, handle: LevelHandle<Value>): KnowingEngine<Value> {
  const known = knownKeys()
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

/** Ends when all are known, when there are too many, with the signal, or when they cannot be read; never rejects. */
async function learn<Value>(handle: LevelHandle<Value>, known: KnownKeys, signal: AbortSignal): Promise<void> {
  try {
    let after: Buffer | undefined
    for (let learnt = 0; learnt < mostKeys; learnt += stepKeys) {
      const range = { limit: stepKeys, ...(after && { gt: after }) }
      const keys = await handle.use((level) => level.keys(range).all())
      for (const key of keys) known.add(key)
      if (keys.length < stepKeys) return known.complete()
      after = keys.at(-1)
      await sleep(stepPauseMs, undefined, { signal })
    }
  } catch {
    // Writes go on to read all rows, and say what is wrong.
  }
}
