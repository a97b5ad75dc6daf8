// Looks at all parts from time to time and removes those that may go (part-removal.ts), beside the store's other work.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCorrupt } from '../../core/errors.js'
import type { PartSet } from '../store/part-store.js'
import { type PartGcOptions, partGc } from './part-gc.js'

export interface PartSweepOptions extends PartGcOptions {
  /** Told of what went wrong; the next round tries again. */
  onError(error: unknown): void
  /** Told how many sets a round has removed, unless none. */
  onRemoved?(sets: number): void
}

export interface PartSweep {
  /** Nothing refers to this set any more. */
  release(set: PartSet): void
  /** Looks at everything once; never rejects. */
  round(): Promise<void>
  /** One round after another, until `stop`. */
  start(): void
  /** Resolves when nothing is being removed any more. */
  stop(): Promise<void>
}

// Others use the store as well: some two thousand sets a second at most.
const stepSets = 100
const stepPauseMs = 50
/** So many failures on end are no sets' own, and the round is over. */
const maxFailures = 16

export function partSweep(options: PartSweepOptions): PartSweep {
  const { parts, limits, onError: failed, onRemoved: removed = () => undefined } = options
  const removal = partGc(options)
  const stopping = new AbortController()
  const { signal } = stopping
  setMaxListeners(0, signal) // every request of a round listens to it
  let running: Promise<void> | undefined

  async function walk(attempt: (work: Promise<boolean>) => Promise<void>): Promise<void> {
    for (const set of removal.due()) await attempt(removal.removeReleased(set, signal))
    let looked = 0
    for await (const set of parts.sets({ deadline: Number.POSITIVE_INFINITY, signal })) {
      await attempt(removal.removeAbandoned(set, signal))
      looked += 1
      if (looked % stepSets === 0) await sleep(stepPauseMs, undefined, { signal })
    }
    removal.endRound()
  }

  async function round(): Promise<void> {
    const seen = counting(failed, signal)
    await walk(seen.attempt).catch((error: unknown) => {
      if (!signal.aborted) failed(error)
    })
    if (seen.removed() > 0) removed(seen.removed())
  }

  async function keepSweeping(): Promise<void> {
    while (!signal.aborted) {
      await sleep(limits.sweepIntervalMs, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await round()
    }
  }

  return {
    release: removal.release,
    round,
    start() {
      running ??= keepSweeping()
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** A set that cannot be looked at, or not be removed, stays and holds up no other. */
function counting(failed: (error: unknown) => void, signal: AbortSignal) {
  let removed = 0
  let failures = 0
  return {
    removed: () => removed,
    async attempt(work: Promise<boolean>): Promise<void> {
      try {
        if (await work) removed += 1
        failures = 0
      } catch (error) {
        if (!isCorrupt(error)) failures += 1
        if (signal.aborted || failures === maxFailures) throw error
        failed(error)
      }
    },
  }
}
