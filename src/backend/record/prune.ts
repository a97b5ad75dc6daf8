// What follows a durable change of a row: versions that ended with it are removed, and whoever keeps the parts of large
// records is told which nobody refers to any more. The change stands whatever becomes of this: what is left is hidden,
// and swept later.
import { forEachLimit } from '../../core/semaphore.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { PartSet } from '../store/part-store.js'
import type { Replacement, Store, StoreCall } from '../store/store.js'
import { keyIdOf } from './envelope-header.js'
import { firstKept } from './versions.js'
import { lifeOf } from './write-rules.js'

export interface PrunerOptions {
  store: Store
  /** Told when no row and no kept version refers to these parts any more. */
  released?: ((set: PartSet) => void) | undefined
}

export interface Pruner {
  /** After a write. */
  replaced(change: Replacement, call: StoreCall): Promise<void>
  /** After a row is gone, and its life with it. */
  removed(row: SealedRecord, call: StoreCall): Promise<void>
  /** Removes versions that are dead or have expired. */
  versions(versions: SealedRecord[], call: StoreCall): Promise<void>
}

const noEnd = 2n ** 64n - 1n
/** Ninety-nine versions may go with one write, and others want the store's connections too. */
const removedAtOnce = 8

export function pruner({ store, released }: PrunerOptions): Pruner {
  function release(version: SealedRecord): void {
    if (version.partCount > 0) released?.({ recordId: version.recordId, keyId: Buffer.from(keyIdOf(version)) })
  }

  async function versions(dead: SealedRecord[], call: StoreCall): Promise<void> {
    const remove = async (version: SealedRecord) => {
      await store.removeVersion(version, call)
      release(version)
    }
    await forEachLimit(dead, removedAtOnce, remove)
  }

  /** Removes the versions of the row's life below that number. */
  async function below(row: SealedRecord, number: bigint, call: StoreCall): Promise<void> {
    // The hot path: where nothing is kept, nothing is looked for.
    if (row.keptVersions === 0 || firstKept(row) >= number) return
    const life = { lifeId: lifeOf(row), below: number }
    await versions(await store.listVersions({ recordId: row.recordId, life }, call), call)
  }

  async function removed(row: SealedRecord, call: StoreCall): Promise<void> {
    release(row)
    await below(row, noEnd, call)
  }

  return {
    async replaced({ from, to }, call) {
      if (from === undefined) return
      if (!lifeOf(from).equals(lifeOf(to))) return removed(from, call)
      if (to.keptVersions === 0) release(from)
      await below(from, firstKept(to), call)
    },
    removed,
    versions,
  }
}
