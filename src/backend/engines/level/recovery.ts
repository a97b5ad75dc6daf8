// Brings a database back after a failed write. The log may then end in half a record, and LevelDB drops what follows
// such a hole when it reads the log again: so nothing is written after a failure until the database was closed and
// opened, which cuts the log there.
//
// LevelDB writes when it opens: the log becomes a table, the manifest is written anew. On a full disk it would fail to
// open, and the reads, which go on in the database as it is, would be gone too. So free space is looked at first.
import { readdir, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type Backoff, retryUntilDone } from '../../../core/backoff.js'
import { VaultError } from '../../../core/errors.js'
import type { StoreHealth } from '../../store/store.js'
import { retryAfterMs } from '../../store/store-health.js'
import { storeError } from './errors.js'
import type { LevelHandle, LevelOptions } from './handle.js'

export const defaultBackoff: Backoff = { firstMs: 250, maxMs: 10_000 }

export interface LevelRecovery {
  health(): StoreHealth
  /** Throws the reason why writes are refused now. */
  refuseUnlessReady(): void
  /** A write has failed: starts to recover, unless that is under way. */
  failed(error: unknown): void
  /** Ends the recovery. */
  stop(): Promise<void>
}

type Place = Pick<LevelOptions<never>, 'folder' | 'bufferBytes'>

/** The size of a file; 0 when a compaction has just removed it. */
function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}

/** Whether the disk has room for what LevelDB writes when it opens, and for a table more; to merge tables may take more. */
async function hasRoom({ folder, bufferBytes }: Place): Promise<boolean> {
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

export function levelRecovery(
  handle: Pick<LevelHandle<never>, 'isOpen' | 'cycle'>,
  place: Place,
  { backoff, changed }: { backoff: Backoff; changed(): void },
): LevelRecovery {
  const stopping = new AbortController()
  let health: StoreHealth = 'ready'
  let recovering: Promise<void> | undefined

  function set(next: StoreHealth): void {
    const before = health
    health = next
    if (next !== before) changed()
  }

  async function attempt(): Promise<void> {
    try {
      // Once it is closed there are no reads to lose.
      if (handle.isOpen() && !(await hasRoom(place))) return
      await handle.cycle()
      set('ready')
    } catch (error) {
      set(reasonOf(storeError(error)))
    }
  }

  async function recover(): Promise<void> {
    await retryUntilDone(() => attempt().then(() => health === 'ready'), { backoff, signal: stopping.signal })
    recovering = undefined
  }

  return {
    health: () => health,
    refuseUnlessReady() {
      if (health !== 'ready') throw new VaultError(health, { retryAfterMs })
    },
    failed(error) {
      set(reasonOf(error))
      recovering ??= recover()
    },
    async stop() {
      stopping.abort()
      await recovering
    },
  }
}
