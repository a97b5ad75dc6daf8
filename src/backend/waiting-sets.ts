// Part sets that wait for their removal, in memory and no more of them than there is room for: those for which there is
// none are met again by a later sweep.

import type { PartSet } from './part-store.js'
import { recordIdBytes } from './record-id.js'

export interface WaitingSets {
  /** Since when the set waits: from now on if it did not. Undefined when there is no room for it. */
  since(set: PartSet, nowMs: number): number | undefined
  /** Those that have waited since then, or longer. */
  waitingSince(ms: number): PartSet[]
  drop(set: PartSet): void
  /** Drops those for which `since` was not asked after the last time: somebody else has removed them. */
  dropUnasked(): void
}

// A text of its own: the buffers given may be views of whole messages.
function textOf({ recordId, keyId }: PartSet): string {
  return recordId.toString('latin1') + keyId.toString('latin1')
}

function setOf(text: string): PartSet {
  const bytes = Buffer.from(text, 'latin1')
  return { recordId: bytes.subarray(0, recordIdBytes), keyId: bytes.subarray(recordIdBytes) }
}

export function waitingSets(room: number): WaitingSets {
  const waiting = new Map<string, { sinceMs: number; asked: boolean }>()
  return {
    since(set, nowMs) {
      const text = textOf(set)
      const known = waiting.get(text)
      if (known) known.asked = true
      else if (waiting.size < room) waiting.set(text, { sinceMs: nowMs, asked: true })
      else return undefined
      return known?.sinceMs ?? nowMs
    },
    waitingSince: (ms) => [...waiting].filter(([, { sinceMs }]) => sinceMs <= ms).map(([text]) => setOf(text)),
    drop: (set) => void waiting.delete(textOf(set)),
    dropUnasked() {
      for (const [text, entry] of waiting) {
        if (!entry.asked) waiting.delete(text)
        entry.asked = false
      }
    },
  }
}
