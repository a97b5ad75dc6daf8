// Remembers the rows that were read last, of a database that nobody but this process writes. A read is a walk through the
// thread pool, and every call reads its user. What is written is forgotten before, and nothing is kept that was read while
// a write was under way: no row outlives its change. What a failed write has left in the log shows when the database is
// opened again, so all is forgotten then.
import { LRUCache } from 'lru-cache'
import { checkDeadline } from '../../store/deadline.js'
import type { StoreCall } from '../../store/store.js'
import type { Change } from './group-commit.js'

/** What reads and writes rows. */
export interface Rows<Value> {
  get(key: Buffer, call: StoreCall): Promise<Value | undefined>
  write(changes: Change<Value>[]): Promise<void>
}

export interface RowCache<Value> extends Rows<Value> {
  /** To be called when the database has been opened again. */
  forget(): void
}

export interface RowCacheLimits<Value> {
  maxRows: number
  maxBytes: number
  /** About what a row takes, at least 1; one that takes more than there is, is not remembered. */
  bytesOf(row: Value): number
}

const nameOf = (key: Buffer) => key.toString('latin1')

export function rowCache<Value extends NonNullable<unknown>>(
  { get, write }: Rows<Value>,
  { maxRows, maxBytes, bytesOf }: RowCacheLimits<Value>,
): RowCache<Value> {
  const recent = new LRUCache<string, Value>({ max: maxRows, maxSize: maxBytes, sizeCalculation: bytesOf })
  let underWay = 0
  let ended = 0

  return {
    async get(key, call) {
      checkDeadline(call)
      const known = recent.get(nameOf(key))
      if (known !== undefined) return known
      const before = ended
      const row = await get(key, call)
      if (row !== undefined && underWay === 0 && ended === before) recent.set(nameOf(key), row)
      return row
    },
    async write(changes) {
      underWay += 1
      for (const { key } of changes) recent.delete(nameOf(key))
      try {
        await write(changes)
      } finally {
        underWay -= 1
        ended += 1
      }
    },
    forget: () => recent.clear(),
  }
}
