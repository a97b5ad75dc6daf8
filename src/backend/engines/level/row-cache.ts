// An LRU cache of rows, for a database whose only writer is this process. A read costs a trip through the thread pool,
// and every call reads a user document. The cache never returns an outdated row: a write evicts its rows before it
// starts, and a read that overlaps a write caches nothing. A failed write may take effect when the database is opened
// again, so the cache is emptied then.
import { LRUCache } from 'lru-cache'
import { checkDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import type { Change } from './group-commit.js'

/** Reads and writes rows. */
export interface RowAccess<Value> {
  get(key: Buffer, call: StoreCall): Promise<Value | undefined>
  write(changes: Change<Value>[]): Promise<void>
}

/** A cache in front of rows. */
export interface RowCache<Value> extends RowAccess<Value> {
  /** Empties the cache; the caller does so when the database has been opened again. */
  clear(): void
}

/** The size of a cache. */
export interface RowCacheLimits<Value> {
  maxRows: number
  maxBytes: number
  /** The approximate size of a row, at least 1; a row larger than `maxBytes` is not cached. */
  bytesOf(row: Value): number
}

const cacheKey = (key: Buffer) => key.toString('latin1')

/** Puts a cache in front of the rows of one database. */
export function rowCache<Value extends NonNullable<unknown>>(
  { get, write }: RowAccess<Value>,
  { maxRows, maxBytes, bytesOf }: RowCacheLimits<Value>,
): RowCache<Value> {
  const cache = new LRUCache<string, Value>({ max: maxRows, maxSize: maxBytes, sizeCalculation: bytesOf })
  let writesInFlight = 0
  let writesDone = 0

  return {
    async get(key, call) {
      checkDeadline(call)
      const cached = cache.get(cacheKey(key))
      if (cached !== undefined) return cached
      const writesDoneBefore = writesDone
      const row = await get(key, call)
      if (row !== undefined && writesInFlight === 0 && writesDone === writesDoneBefore) cache.set(cacheKey(key), row)
      return row
    },
    async write(changes) {
      writesInFlight += 1
      for (const { key } of changes) cache.delete(cacheKey(key))
      try {
        await write(changes)
      } finally {
        writesInFlight -= 1
        writesDone += 1
      }
    },
    clear: () => cache.clear(),
  }
}
