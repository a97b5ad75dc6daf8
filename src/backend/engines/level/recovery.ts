// Recovers a database after a failed write. The log may then end in half a record. When LevelDB reads that log again,
// it drops all records behind the damage. So no write follows a failure until the database has been closed and opened
// again, which truncates the log at the damage.
//
// LevelDB writes when it opens a database: it turns the log into a table, and writes a new manifest. On a full disk, to
// reopen would fail, and the database would lose the reads that worked until then. So recovery checks the free space
// first.
import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type Backoff, retryUntilDone } from '../../../core/concurrency/backoff.js'
import { VaultError } from '../../../core/errors.js'
import type { StoreHealth } from '../../store/store.js'
import { retryAfterMs } from '../../store/store-health.js'
import { storeError } from './errors.js'
import type { LevelHandle, LevelOptions } from './handle.js'

/** The pauses between attempts to recover. */
export const defaultBackoff: Backoff = { firstMs: 250, maxMs: 10_000 }

/** Tracks the health of a database and restores it. */
export interface DatabaseRecovery {
  health(): StoreHealth
  /** Throws the reason why the database takes no writes now. */
  refuseUnlessReady(): void
  /** Takes the error of a failed write, and starts to recover unless that already runs. */
  reportFailure(error: unknown): void
  /** Stops the recovery. */
  stop(): Promise<void>
}

type DatabaseFolder = Pick<LevelOptions<never>, 'folder' | 'bufferBytes'>

/** The size of a file in bytes; 0 if a compaction has just removed it. */
function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}

/**
 * True if the disk has room for what LevelDB writes when it opens, and for one more table. Compactions may need more.
 */
async function hasRoom({ folder, bufferBytes }: DatabaseFolder): Promise<boolean> {
  const names = await readdir(folder)
  const rewritten = names.filter((name) => /^MANIFEST-|\.log$/.test(name))
  const sizes = await Promise.all(rewritten.map((name) => sizeOf(join(folder, name))))
  const needed = sizes.reduce((sum, size) => sum + size, bufferBytes)
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize >= needed
}

function reasonOf(error: unknown): Exclude<StoreHealth, 'ready'> {
  return error instanceof VaultError && error.reason === 'STORE_FULL' ? 'STORE_FULL' : 'STORE_UNAVAILABLE'
}

/** The recovery of an open database; it calls `changed` after each change of the health. */
export function databaseRecovery(
  handle: Pick<LevelHandle<never>, 'isOpen' | 'reopen'>,
  database: DatabaseFolder,
  { backoff, changed }: { backoff: Backoff; changed(): void },
): DatabaseRecovery {
  const stopping = new AbortController()
  let health: StoreHealth = 'ready'
  let recovering: Promise<void> | undefined

  function setHealth(next: StoreHealth): void {
    const before = health
    health = next
    if (next !== before) changed()
  }

  async function attempt(): Promise<void> {
    try {
      // a closed database has no reads to lose, so the free space does not matter
      if (handle.isOpen() && !(await hasRoom(database))) return
      await handle.reopen()
      setHealth('ready')
    } catch (error) {
      setHealth(reasonOf(storeError(error)))
    }
  }

  async function recover(): Promise<void> {
    const { signal } = stopping
    // A write may fail between the reopening and the end of this loop. So no await separates the last look at the health
    // from the end of the recovery: otherwise `reportFailure` could rely on a recovery that is already over.
    while (health !== 'ready' && !signal.aborted) {
      await retryUntilDone(() => attempt().then(() => health === 'ready'), { backoff, signal })
    }
    recovering = undefined
  }

  return {
    health: () => health,
    refuseUnlessReady() {
      if (health !== 'ready') throw new VaultError(health, { retryAfterMs })
    },
    reportFailure(error) {
      setHealth(reasonOf(error))
      recovering ??= recover()
    },
    async stop() {
      stopping.abort()
      await recovering
    },
  }
}
