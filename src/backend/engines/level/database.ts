// One LevelDB: grouped reads, writes in group commits, recovery after failed writes.
import type { Backoff } from '../../../core/backoff.js'
import { makePrivateFolder } from '../../../core/durable-file.js'
import { checkDeadline } from '../../store/deadline.js'
import type { StoreCall, StoreHealth } from '../../store/store.js'
import { type Change, groupCommit, type Write } from './group-commit.js'
import { type Level, type LevelHandle, type LevelOptions, openLevelHandle } from './handle.js'
import { filteredEngine } from './key-filter.js'
import { readBatcher } from './read-batcher.js'
import { defaultBackoff, levelRecovery } from './recovery.js'
import { type RowCacheLimits, type Rows, rowCache } from './row-cache.js'

export interface KeyRange {
  gt?: Buffer
  gte?: Buffer
  lt?: Buffer
  lte?: Buffer
}

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

export interface LevelDatabaseOptions<Value> extends LevelOptions<Value> {
  backoff?: Backoff | undefined
  /** How many rows to remember that were read; none unless set. */
  recent?: RowCacheLimits<Value> | undefined
  /** Whether to know which keys there are (known-keys.ts says what keys have to be for that). */
  knowsKeys?: boolean | undefined
  /** The health has changed. */
  changed?: (() => void) | undefined
}

/** All or none, durable. Handed over one by one: an array of changes costs the event loop three times as much. */
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

export async function openLevelDatabase<Value extends NonNullable<unknown>>(
  options: LevelDatabaseOptions<Value>,
): Promise<LevelDatabase<Value>> {
  const { backoff = defaultBackoff, recent, knowsKeys = false, changed = () => undefined } = options
  await makePrivateFolder(options.folder)
  const handle = await openLevelHandle(options)
  const recovery = levelRecovery(handle, options, { backoff, changed: healthChanged })

  async function writeBatch(changes: Change<Value>[]): Promise<void> {
    recovery.refuseUnlessReady()
    try {
      await handle.use((level) => writeAll(level, changes))
    } catch (error) {
      recovery.failed(error)
      throw error
    }
  }

  const read = (keys: Buffer[]) => handle.use((level) => level.getMany(keys))
  const stored: Rows<Value> = { get: readBatcher(read), write: writeBatch }
  const remembered = recent && rowCache(stored, recent)
  const { get, write } = remembered ?? stored
  const knowing = knowsKeys ? filteredEngine({ read, write }, handle) : undefined
  const commits = groupCommit<Value>(knowing ?? { read, write })

  function healthChanged(): void {
    remembered?.forget() // it may have been opened again
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
      await knowing?.stop()
      await handle.close()
    },
  }
}
