// One LevelDB database: batched reads, group commits, and recovery after a failed write.
import type { Backoff } from '../../../core/concurrency/backoff.js'
import { makePrivateFolder } from '../../../core/durable-file.js'
import { checkDeadline } from '../../store/deadline.js'
import type { StoreCall, StoreHealth } from '../../store/store.js'
import { type Change, groupCommit, type Write } from './group-commit.js'
import { type Level, type LevelHandle, type LevelOptions, openLevelHandle } from './handle.js'
import { filteredEngine } from './key-filter.js'
import { readBatcher } from './read-batcher.js'
import { databaseRecovery, defaultBackoff } from './recovery.js'
import { type RowAccess, type RowCacheLimits, rowCache } from './row-cache.js'

/** A range of keys, in byte order. */
export interface KeyRange {
  gt?: Buffer
  gte?: Buffer
  lt?: Buffer
  lte?: Buffer
}

/** A durable map from keys to values. Methods reject with VaultError. */
export interface LevelDatabase<Value> {
  get(key: Buffer, call: StoreCall): Promise<Value | undefined>
  /** Visits the rows of a range in key order, until the visitor returns false. */
  scan(range: KeyRange, visit: (key: Buffer, value: Value) => boolean, call: StoreCall): Promise<void>
  /** The first keys of a range, in order. */
  keys(range: KeyRange & { limit: number }, call: StoreCall): Promise<Buffer[]>
  write<Answer>(write: Write<Value, Answer>): Promise<Answer>
  health(): StoreHealth
  close(): Promise<void>
}

/** How to open a database, and what it keeps in memory. */
export interface LevelDatabaseOptions<Value> extends LevelOptions<Value> {
  backoff?: Backoff | undefined
  /** The limits of a row cache; the database has none unless set. */
  cacheLimits?: RowCacheLimits<Value> | undefined
  /** True to filter lookups by key; bloom-filter.ts says which keys are fit for that. */
  filtersKeys?: boolean | undefined
  /** A listener for changes of the health. */
  changed?: (() => void) | undefined
}

/**
 * Writes all changes or none, durably. One call a change: an array of them costs the event loop three times as much.
 */
async function writeAll<Value>(level: Level<Value>, changes: Change<Value>[]): Promise<void> {
  const batch = level.batch()
  try {
    for (const { key, value } of changes) {
      if (value === undefined) batch.del(key)
      else batch.put(key, value)
    }
  } catch (error) {
    await batch.close()
    throw error
  }
  await batch.write({ sync: true })
}

function rangesOf<Value>(handle: LevelHandle<Value>): Pick<LevelDatabase<Value>, 'scan' | 'keys'> {
  return {
    async scan(range, visit, call) {
      checkDeadline(call)
      await handle.use(async (level) => {
        for await (const [key, value] of level.iterator(range)) {
          if (!visit(key, value)) return
          checkDeadline(call)
        }
      })
    },
    async keys(range, call) {
      checkDeadline(call)
      return handle.use((level) => level.keys(range).all())
    },
  }
}

/** Opens the database; creates it if absent and `create` says so. Rejects with VaultError. */
export async function openLevelDatabase<Value extends NonNullable<unknown>>(
  options: LevelDatabaseOptions<Value>,
): Promise<LevelDatabase<Value>> {
  const { backoff = defaultBackoff, cacheLimits, filtersKeys = false, changed = () => undefined } = options
  if (options.create) await makePrivateFolder(options.folder)
  const handle = await openLevelHandle(options)
  const recovery = databaseRecovery(handle, options, { backoff, changed: healthChanged })

  async function writeBatch(changes: Change<Value>[]): Promise<void> {
    recovery.refuseUnlessReady()
    try {
      await handle.use((level) => writeAll(level, changes))
    } catch (error) {
      recovery.reportFailure(error)
      throw error
    }
  }

  const read = (keys: Buffer[]) => handle.use((level) => level.getMany(keys))
  const stored: RowAccess<Value> = { get: readBatcher(read), write: writeBatch }
  const cache = cacheLimits && rowCache(stored, cacheLimits)
  const { get, write } = cache ?? stored
  const filtered = filtersKeys ? filteredEngine({ read, write }, handle) : undefined
  const commits = groupCommit<Value>(filtered ?? { read, write })

  function healthChanged(): void {
    cache?.clear() // recovery may have opened the database again
    changed()
  }

  return {
    get,
    ...rangesOf(handle),
    write: (write) => commits.submit(write),
    health: recovery.health,
    async close() {
      await commits.close()
      await recovery.stop()
      await filtered?.stop()
      await handle.close()
    },
  }
}
