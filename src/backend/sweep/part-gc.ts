// Which parts may be removed: those to which nothing refers. Two kinds are told apart:
//   released    their record was replaced or deleted while this process ran: removed after a hold, for downloads under way
//   abandoned   all others. While an upload runs nothing refers to its parts either, so a set counts as abandoned only
//               when its newest part is so old that no record can take it up any more (require-parts.ts refuses it). From
//               then on the hold is waited for: another process may have replaced its record just now.
// What is remembered is in memory alone: after a restart the wait begins anew, which removes nothing too early.
import type { PartLimits } from '../store/part-limits.js'
import type { PartSet, PartStore } from '../store/part-store.js'
import type { StoreCall } from '../store/store.js'
import { pendingRemovals } from './pending-removals.js'

export interface PartGcOptions {
  parts: PartStore
  /** Whether the current version of the record, or a kept one, has these parts. */
  refersTo(set: PartSet, call: StoreCall): Promise<boolean>
  /** The clock to remove by. */
  now(): Date
  limits: PartLimits
  /** Sets remembered of each kind. */
  room?: number
}

export interface PartGc {
  /** Nothing refers to this set any more. */
  release(set: PartSet): void
  /** The released sets whose hold is over. */
  due(): PartSet[]
  /** Returns whether it was removed: not if something refers to it after all. */
  removeReleased(set: PartSet, signal: AbortSignal): Promise<boolean>
  /** Returns whether it was removed. */
  removeAbandoned(set: PartSet, signal: AbortSignal): Promise<boolean>
  /** Every set was looked at once more. */
  endRound(): void
}

const defaultRoom = 65_536
const lookTimeoutMs = 30_000
/** A set may be many thousand files. */
const removeTimeoutMs = 600_000

function within(timeoutMs: number, signal: AbortSignal): StoreCall {
  return { deadline: Date.now() + timeoutMs, signal }
}

export function partGc({ parts, refersTo, now, limits, room = defaultRoom }: PartGcOptions): PartGc {
  const released = pendingRemovals(room)
  const abandoned = pendingRemovals(room)
  const young = pendingRemovals(room) // since their newest part
  const nowMs = () => now().getTime()
  const heldSince = () => nowMs() - limits.releasedHoldMs

  async function remove(set: PartSet, signal: AbortSignal): Promise<true> {
    await parts.remove(set, within(removeTimeoutMs, signal))
    for (const waiting of [released, abandoned, young]) waiting.drop(set)
    return true
  }

  /** Asks for the newest part only when it can matter: a store may have to read all parts for it. */
  async function isOld(set: PartSet, signal: AbortSignal): Promise<boolean> {
    const oldMs = nowMs() - limits.orphanHoldMs
    if ((young.waitingSince(set) ?? oldMs) > oldMs) return false
    if ((abandoned.waitingSince(set) ?? heldSince()) > heldSince()) return true // looked at again when its hold is over
    const newest = await parts.newest(set, within(removeTimeoutMs, signal))
    young.drop(set)
    if (newest !== undefined && newest.getTime() > oldMs) young.add(set, newest.getTime())
    return newest !== undefined && newest.getTime() <= oldMs
  }

  async function isAbandoned(set: PartSet, signal: AbortSignal): Promise<boolean> {
    return !(await refersTo(set, within(lookTimeoutMs, signal))) && isOld(set, signal)
  }

  return {
    release: (set) => void released.add(set, nowMs()),
    due: () => released.listWaitingSince(heldSince()),
    async removeReleased(set, signal) {
      if (!(await refersTo(set, within(lookTimeoutMs, signal)))) return remove(set, signal)
      released.drop(set)
      return false
    },
    async removeAbandoned(set, signal) {
      if (await isAbandoned(set, signal)) {
        const sinceMs = abandoned.add(set, nowMs())
        return sinceMs !== undefined && sinceMs <= heldSince() && remove(set, signal)
      }
      abandoned.drop(set)
      return false
    },
    endRound() {
      for (const waiting of [abandoned, young]) waiting.dropUnseen()
    },
  }
}
