// Garbage collection of parts: decides which part sets may be removed. No record refers to a set that may be removed.
// Such a set is either
//   released    its record was replaced or deleted while this process ran: removed after a hold, so downloads can end
//   abandoned   any other set. Nothing refers to the parts of an upload under way either, so a set counts as abandoned
//               only when its newest part is so old that no record may refer to it any more (check-parts.ts refuses
//               it). Its hold begins only at that moment, because another process may have just replaced the record
//               that it belonged to.
// Both kinds are remembered in memory only. After a restart their hold begins again, so nothing is removed too early.
import type { PartLimits } from '../store/part-limits.js'
import type { PartSet, PartStore } from '../store/part-store.js'
import type { StoreCall } from '../store/store.js'
import { pendingRemovals } from './pending-removals.js'

/** The parts to collect. */
export interface PartGcOptions {
  parts: PartStore
  /** True if the current or a kept version of the record has these parts. */
  refersTo(set: PartSet, call: StoreCall): Promise<boolean>
  /** The clock reading for removals. */
  now(): Date
  limits: PartLimits
  /** How many sets of each kind are remembered. */
  maxPending?: number
}

/** The garbage collector of one part store. */
export interface PartGc {
  /** Notes that nothing refers to this set any more. */
  release(set: PartSet): void
  /** The released sets whose hold is over. */
  due(): PartSet[]
  /** Removes a released set unless something refers to it after all; returns whether it did. */
  removeReleased(set: PartSet, signal: AbortSignal): Promise<boolean>
  /** Removes the set if it is abandoned and its hold is over; returns whether it did. */
  removeAbandoned(set: PartSet, signal: AbortSignal): Promise<boolean>
  /** To be called after a round over all sets. Forgets the sets that were not in it. */
  endRound(): void
}

const defaultMaxPending = 65_536
const lookTimeoutMs = 30_000
/** A set may have many thousands of files. */
const removeTimeoutMs = 600_000

function within(timeoutMs: number, signal: AbortSignal): StoreCall {
  return { deadline: Date.now() + timeoutMs, signal }
}

/** A garbage collector that has released nothing yet. */
export function partGc({ parts, refersTo, now, limits, maxPending = defaultMaxPending }: PartGcOptions): PartGc {
  const released = pendingRemovals(maxPending)
  const abandoned = pendingRemovals(maxPending)
  const young = pendingRemovals(maxPending) // since the time of their newest part
  const nowMs = () => now().getTime()
  const holdStartMs = () => nowMs() - limits.releasedHoldMs

  async function remove(set: PartSet, signal: AbortSignal): Promise<true> {
    await parts.remove(set, within(removeTimeoutMs, signal))
    for (const pending of [released, abandoned, young]) pending.drop(set)
    return true
  }

  /** Looks up the newest part only when it matters: a store may have to look at all parts. */
  async function isOld(set: PartSet, signal: AbortSignal): Promise<boolean> {
    const maxMs = nowMs() - limits.orphanHoldMs
    if ((young.waitingSince(set) ?? maxMs) > maxMs) return false
    if ((abandoned.waitingSince(set) ?? holdStartMs()) > holdStartMs()) return true // looked up again after its hold
    const newest = await parts.newest(set, within(removeTimeoutMs, signal))
    young.drop(set)
    if (newest !== undefined && newest.getTime() > maxMs) young.add(set, newest.getTime())
    return newest !== undefined && newest.getTime() <= maxMs
  }

  async function isAbandoned(set: PartSet, signal: AbortSignal): Promise<boolean> {
    return !(await refersTo(set, within(lookTimeoutMs, signal))) && isOld(set, signal)
  }

  return {
    release: (set) => void released.add(set, nowMs()),
    due: () => released.listWaitingSince(holdStartMs()),
    async removeReleased(set, signal) {
      if (!(await refersTo(set, within(lookTimeoutMs, signal)))) return remove(set, signal)
      released.drop(set)
      return false
    },
    async removeAbandoned(set, signal) {
      if (await isAbandoned(set, signal)) {
        const sinceMs = abandoned.add(set, nowMs())
        return sinceMs !== undefined && sinceMs <= holdStartMs() && remove(set, signal)
      }
      abandoned.drop(set)
      return false
    },
    endRound() {
      for (const pending of [abandoned, young]) pending.dropUnseen()
    },
  }
}
