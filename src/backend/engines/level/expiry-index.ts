// The expiry index: a database of its own, in which records lie in the order of their expiry times.
//   expiry/  u64 milliseconds since 1970, record id, key id -> nothing
// An entry is durable before its record, so the index misses no record. An entry without a record is harmless.

import { recordIdBytes } from '../../../core/envelope-sizes.js'
import { noBytes } from '../../../core/frame.js'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../../record/envelope-header.js'
import { noDeadline } from '../../store/deadline.js'
import type { DueRecord, StoreCall } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

/** Finds the records that expire. */
export interface ExpiryIndex {
  /** Runs `write`; if the record expires, makes its entry durable first. */
  addThenWrite<T>(record: SealedRecord, write: () => Promise<T>, call: StoreCall): Promise<T>
  /** The records that expire by then, the earliest first. */
  listDue(query: { by: Date; limit: number }, call: StoreCall): Promise<DueRecord[]>
  /** Removes an entry whose record needs no further attention. */
  clearDue(due: DueRecord, call: StoreCall): Promise<void>
  /** Removes the entry of a record that is gone. */
  remove(record: SealedRecord | undefined): void
}

const timeBytes = 8

function timeKey(time: Date): Buffer {
  const key = Buffer.alloc(timeBytes)
  key.writeBigUInt64BE(BigInt(time.getTime()))
  return key
}

function entryKey(time: Date, record: SealedRecord): Buffer {
  return Buffer.concat([timeKey(time), record.recordId, keyIdOf(record)])
}

/** The index over a database that holds its entries. */
export function expiryIndex(entries: LevelDatabase<Buffer>): ExpiryIndex {
  // Entries whose record is still being written. A sweep that took them for stale would lose them.
  const beingWritten = new Map<string, number>()

  function count(key: Buffer, by: 1 | -1): void {
    const name = key.toString('latin1')
    const now = (beingWritten.get(name) ?? 0) + by
    if (now === 0) beingWritten.delete(name)
    else beingWritten.set(name, now)
  }

  function change(key: Buffer, value: Buffer | undefined, call: StoreCall): Promise<void> {
    return entries.write<void>({
      key,
      bytes: key.length,
      decide: () => ({ change: { value }, answer: undefined }),
      call,
    })
  }

  return {
    async addThenWrite(record, write, call) {
      if (record.expireTime === undefined) return write()
      const key = entryKey(record.expireTime, record)
      count(key, 1)
      try {
        await change(key, noBytes, call)
        return await write()
      } finally {
        count(key, -1)
      }
    },
    async listDue({ by, limit }, call) {
      // every entry is longer than its time alone, and so sorts after it
      const keys = await entries.keys({ lte: timeKey(new Date(by.getTime() + 1)), limit }, call)
      // in this order: once the record's write has ended, its row is there for the sweep to find
      const due = keys.filter((key) => !beingWritten.has(key.toString('latin1')))
      return due.map((mark) => ({ recordId: mark.subarray(timeBytes, timeBytes + recordIdBytes), mark }))
    },
    clearDue: ({ mark }, call) => change(mark, undefined, call),
    remove(record) {
      if (record?.expireTime === undefined) return
      // Nobody waits for this. If the entry stays, a sweep finds it once more and clears it.
      change(entryKey(record.expireTime, record), undefined, noDeadline).catch(() => undefined)
    },
  }
}
