// The sweep of parts: walks over all part sets in rounds and removes those that part-gc.ts permits, while the store
// serves calls.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCorrupt } from '../../core/errors.js'
import type { PartSet } from '../store/part-store.js'
import { type PartGcOptions, partGc } from './part-gc.js'

/** The parts to sweep, and the listeners for the results. */
export interface PartSweepOptions extends PartGcOptions {
  /** Called with each error; the next round tries again. */
  onError(error: unknown): void
  /** Called after a round with the number of sets it removed, unless that is 0. */
  onRemoved?(sets: number): void
}

/** The sweep of one part store. */
export interface PartSweep {
  /** Notes that nothing refers to this set any more. */
  release(set: PartSet): void
  /** Walks over all sets once; never rejects. */
  round(): Promise<void>
  /** Makes one round after another until `stop`. */
  start(): void
  /** Resolves when no removal is under way any more. */
  stop(): Promise<void>
}

// The pauses leave the store to other calls: a round checks at most about 2000 sets a second.
const stepSets = 100
const stepPauseMs = 50
/** This many failures in a row are not the fault of single sets, so they end the round. */
const maxFailures = 16

/** A sweep that has not started. */
export function partSweep(options: PartSweepOptions): PartSweep {
  const { parts, limits, onError, onRemoved = () => undefined } = options
  const gc = partGc(options)
  const stopping = new AbortController()
  const { signal } = stopping
  setMaxListeners(0, signal) // each request of a round adds a listener
  let running: Promise<void> | undefined

  async function walk(attempt: (removal: Promise<boolean>) => Promise<void>): Promise<void> {
    for (const set of gc.due()) await attempt(gc.removeReleased(set, signal))
    let seen = 0
    for await (const set of parts.sets({ deadline: Number.POSITIVE_INFINITY, signal })) {
      await attempt(gc.removeAbandoned(set, signal))
      seen += 1
      if (seen % stepSets === 0) await sleep(stepPauseMs, undefined, { signal })
    }
    gc.endRound()
  }

  async function round(): Promise<void> {
    const counter = removalCounter(onError, signal)
    await walk(counter.attempt).catch((error: unknown) => {
      if (!signal.aborted) onError(error)
    })
    if (counter.removed() > 0) onRemoved(counter.removed())
  }

  async function keepSweeping(): Promise<void> {
    while (!signal.aborted) {
      await sleep(limits.sweepIntervalMs, undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await round()
    }
  }

  return {
    release: gc.release,
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

/** Counts removals. A set that cannot be read or removed stays and delays no other. */
function removalCounter(onError: (error: unknown) => void, signal: AbortSignal) {
  let removed = 0
  let failures = 0
  return {
    removed: () => removed,
    async attempt(removal: Promise<boolean>): Promise<void> {
      try {
        if (await removal) removed += 1
        failures = 0
      } catch (error) {
        if (!isCorrupt(error)) failures += 1
        if (signal.aborted || failures === maxFailures) throw error
        onError(error)
      }
    },
  }
}
