// The part store on MongoDB, on the same connection and under the same promises as the store itself.
import type { Collection } from 'mongodb'
import type { PartSet, PartStore } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import type { Caller } from './collections.js'
import type { PartRow } from './part-row.js'
import { getPart, newestPart, nextSet, partsState, putPart, removeParts } from './parts.js'

/** Runs work on the collection `parts` for a call, when the store is ready. */
export type RunOnParts = <T>(
  work: (parts: Collection<PartRow>, caller: Caller) => Promise<T>,
  call: StoreCall,
) => Promise<T>

/** The connection stays its owner's, and closes with the store. */
export function mongoPartStore(run: RunOnParts): PartStore {
  return {
    put: (part, call) => run((parts, caller) => putPart(parts, part, caller), call),
    get: (piece, call) => run((parts, caller) => getPart(parts, piece, caller), call),
    state: (set, call) => run((parts, caller) => partsState(parts, set, caller), call),
    newest: (set, call) => run((parts, caller) => newestPart(parts, set, caller), call),
    async *sets(call) {
      let set: PartSet | undefined
      do {
        const after: PartSet | undefined = set
        set = await run((parts, caller) => nextSet(parts, after, caller), call)
        if (set) yield set
      } while (set)
    },
    remove: (set, call) => run((parts, caller) => removeParts(parts, set, caller), call),
    close: async () => undefined,
  }
}
