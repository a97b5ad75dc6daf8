// The part store on MongoDB. It shares the connection and the guarantees of the record store.
import type { Collection } from 'mongodb'
import type { PartSet, PartStore } from '../../store/part-store.js'
import type { StoreCall } from '../../store/store.js'
import type { MongoContext } from './collections.js'
import type { PartRow } from './part-row.js'
import { getPart, newestPart, nextSet, partsState, putPart, removeParts } from './parts.js'

/** Runs `work` on the collection `parts` for a call, once the store is ready. */
export type RunOnParts = <T>(
  work: (parts: Collection<PartRow>, context: MongoContext) => Promise<T>,
  call: StoreCall,
) => Promise<T>

/** The part store over that collection. Closing it leaves the connection open: the record store owns it. */
export function partStoreOver(run: RunOnParts): PartStore {
  return {
    put: (part, call) => run((parts, context) => putPart(parts, part, context), call),
    get: (piece, call) => run((parts, context) => getPart(parts, piece, context), call),
    state: (set, call) => run((parts, context) => partsState(parts, set, context), call),
    newest: (set, call) => run((parts, context) => newestPart(parts, set, context), call),
    async *sets(call) {
      let set: PartSet | undefined
      do {
        const after: PartSet | undefined = set
        set = await run((parts, context) => nextSet(parts, after, context), call)
        if (set) yield set
      } while (set)
    },
    remove: (set, call) => run((parts, context) => removeParts(parts, set, context), call),
    close: async () => undefined,
  }
}
