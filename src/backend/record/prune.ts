// Clean-up after a durable write or delete of a row: removes versions that are no longer kept and reports part sets
// that nothing refers to. The change stands even if the clean-up fails: readers do not see the leftovers, and the sweep
// removes them later.
import { forEachLimit } from '../../core/concurrency/semaphore.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { PartSet } from '../store/part-store.js'
import type { Replacement, Store, StoreCall } from '../store/store.js'
import { partSetOfRecord } from './part-set.js'
import { firstKept } from './versions.js'
import { lifeOf } from './write-rules.js'

/** The store to prune, and the listener for unreferenced parts. */
export interface PrunerOptions {
  store: Store
  /** Called when no row and no kept version refers to this part set any more. */
  onReleased?: ((set: PartSet) => void) | undefined
}

/** Removes versions after their row has changed. */
export interface Pruner {
  /** To be called after a write. */
  afterReplace(change: Replacement, call: StoreCall): Promise<void>
  /** To be called after a row was removed, which ends its life. */
  afterRemove(row: SealedRecord, call: StoreCall): Promise<void>
  /** Removes versions that are dead or have expired. */
  removeVersions(versions: SealedRecord[], call: StoreCall): Promise<void>
}

const noEnd = 2n ** 64n - 1n
/** One write may remove 99 versions, and other calls need the store's connections too. */
const maxConcurrentRemovals = 8

/** A pruner of this store. */
export function pruner({ store, onReleased }: PrunerOptions): Pruner {
  function release(version: SealedRecord): void {
    if (version.partCount > 0) onReleased?.(partSetOfRecord(version))
  }

  async function removeVersions(versions: SealedRecord[], call: StoreCall): Promise<void> {
    const remove = async (version: SealedRecord) => {
      await store.removeVersion(version, call)
      release(version)
    }
    await forEachLimit(versions, maxConcurrentRemovals, remove)
  }

  /** Removes the versions of the row's life below that number. */
  async function removeBelow(row: SealedRecord, number: bigint, call: StoreCall): Promise<void> {
    // The hot path: a record without kept versions costs no read.
    if (row.keptVersions === 0 || firstKept(row) >= number) return
    const life = { lifeId: lifeOf(row), below: number }
    await removeVersions(await store.listVersions({ recordId: row.recordId, life }, call), call)
  }

  async function afterRemove(row: SealedRecord, call: StoreCall): Promise<void> {
    release(row)
    await removeBelow(row, noEnd, call)
  }

  return {
    async afterReplace({ from, to }, call) {
      if (from === undefined) return
      if (!lifeOf(from).equals(lifeOf(to))) return afterRemove(from, call)
      if (to.keptVersions === 0) release(from)
      await removeBelow(from, firstKept(to), call)
    },
    afterRemove,
    removeVersions,
  }
}
