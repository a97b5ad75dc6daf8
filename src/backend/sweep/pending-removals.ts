// Part sets that wait for their removal, in memory and no more of them than there is room for: those for which there is
// none are met again by a later sweep.

import { recordIdBytes } from '../../core/envelope-sizes.js'
import type { PartSet } from '../store/part-store.js'

export interface PendingRemovals {
  /** Since when the set waits: from now on if it did not. Undefined when there is no room for it. */
  add(set: PartSet, nowMs: number): number | undefined
  /** Since when it waits; undefined when it does not. */
  waitingSince(set: PartSet): number | undefined
  /** Those that have waited since then, or longer. */
  listWaitingSince(ms: number): PartSet[]
  drop(set: PartSet): void
  /** Drops those for which nothing was asked after the last time: somebody else has removed them. */
  dropUnseen(): void
}

// A text of its own: the buffers given may be views of whole messages.
function textOf({ recordId, keyId }: PartSet): string {
  return recordId.toString('latin1') + keyId.toString('latin1')
}

function setOf(text: string): PartSet {
  const bytes = Buffer.from(text, 'latin1')
  return { recordId: bytes.subarray(0, recordIdBytes), keyId: bytes.subarray(recordIdBytes) }
}

export function pendingRemovals(room: number): PendingRemovals {
  const waiting = new Map<string, { sinceMs: number; asked: boolean }>()

  function known(set: PartSet): number | undefined {
    const entry = waiting.get(textOf(set))
    if (entry) entry.asked = true
    return entry?.sinceMs
  }

  return {
    add(set, nowMs) {
      const sinceMs = known(set)
      if (sinceMs !== undefined) return sinceMs
      if (waiting.size >= room) return undefined
      waiting.set(textOf(set), { sinceMs: nowMs, asked: true })
      return nowMs
    },
    waitingSince: known,
    listWaitingSince: (ms) => [...waiting].filter(([, { sinceMs }]) => sinceMs <= ms).map(([text]) => setOf(text)),
    drop: (set) => void waiting.delete(textOf(set)),
    dropUnseen() {
      for (const [text, entry] of waiting) {
        if (!entry.asked) waiting.delete(text)
        entry.asked = false
      }
    },
  }
}
