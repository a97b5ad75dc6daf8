// Part sets that wait for their removal. They are in memory and bounded in number; a later sweep finds the sets that
// did not fit again.
import { recordIdBytes } from '../../core/envelope-sizes.js'
import type { PartSet } from '../store/part-store.js'

/** The waiting sets, each with the start of its wait, in milliseconds since 1970. */
export interface PendingRemovals {
  /** Adds the set unless it waits already, and returns the start of its wait; undefined when there is no room. */
  add(set: PartSet, nowMs: number): number | undefined
  /** The start of the set's wait; undefined when it does not wait. */
  waitingSince(set: PartSet): number | undefined
  /** The sets that have waited since that time or longer. */
  listWaitingSince(ms: number): PartSet[]
  drop(set: PartSet): void
  /** Drops the sets that no `add` or `waitingSince` has named since the last call: another process has removed them. */
  dropUnseen(): void
}

// A text of its own: the given buffers may be views of whole messages.
function textOf({ recordId, setId }: PartSet): string {
  return recordId.toString('latin1') + setId.toString('latin1')
}

function setOf(text: string): PartSet {
  const bytes = Buffer.from(text, 'latin1')
  return { recordId: bytes.subarray(0, recordIdBytes), setId: bytes.subarray(recordIdBytes) }
}

/** Room for at most `max` sets. */
export function pendingRemovals(max: number): PendingRemovals {
  const entries = new Map<string, { sinceMs: number; seen: boolean }>()

  function waitingSince(set: PartSet): number | undefined {
    const entry = entries.get(textOf(set))
    if (entry) entry.seen = true
    return entry?.sinceMs
  }

  return {
    add(set, nowMs) {
      const sinceMs = waitingSince(set)
      if (sinceMs !== undefined) return sinceMs
      if (entries.size >= max) return undefined
      entries.set(textOf(set), { sinceMs: nowMs, seen: true })
      return nowMs
    },
    waitingSince,
    listWaitingSince: (ms) => [...entries].filter(([, { sinceMs }]) => sinceMs <= ms).map(([text]) => setOf(text)),
    drop: (set) => void entries.delete(textOf(set)),
    dropUnseen() {
      for (const [text, entry] of entries) {
        if (!entry.seen) entries.delete(text)
        entry.seen = false
      }
    },
  }
}
