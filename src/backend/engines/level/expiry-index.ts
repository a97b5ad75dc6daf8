// Which records expire when, in an order of its own:
//   expiry/  u64 milliseconds, record id, key id -> nothing
// An entry is durable before the record that it is of, so that none is missed; one whose record never came, or has gone,
// is harmless.

import { recordIdBytes } from '../../../core/envelope-sizes.js'
import { noBytes } from '../../../core/frame.js'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../../record/envelope-header.js'
import { noDeadline } from '../../store/deadline.js'
import type { Due, StoreCall } from '../../store/store.js'
import type { LevelDatabase } from './database.js'

export interface ExpiryIndex {
  /** Runs the write of a record, after it was noted when that expires. */
  noted<T>(record: SealedRecord, write: () => Promise<T>, call: StoreCall): Promise<T>
  expired(query: { by: Date; limit: number }, call: StoreCall): Promise<Due[]>
  settled(due: Due, call: StoreCall): Promise<void>
  /** The record is gone, and with it what its entry was for. */
  forget(record: SealedRecord | undefined): void
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

export function expiryIndex(entries: LevelDatabase<Buffer>): ExpiryIndex {
  // Entries whose record is on its way: it would be missed if they were taken for stale.
  const underWay = new Map<string, number>()

  function count(key: Buffer, by: 1 | -1): void {
    const name = key.toString('latin1')
    const now = (underWay.get(name) ?? 0) + by
    if (now === 0) underWay.delete(name)
    else underWay.set(name, now)
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
    async noted(record, write, call) {
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
    async expired({ by, limit }, call) {
      // Every entry is longer than the bare time, and so lies behind it.
      const keys = await entries.keys({ lte: timeKey(new Date(by.getTime() + 1)), limit }, call)
      // Asked after they were read: a record that is not under way any more is there.
      const settling = keys.filter((key) => !underWay.has(key.toString('latin1')))
      return settling.map((mark) => ({ recordId: mark.subarray(timeBytes, timeBytes + recordIdBytes), mark }))
    },
    settled: ({ mark }, call) => change(mark, undefined, call),
    forget(record) {
      if (record?.expireTime === undefined) return
      // Nobody waits for it: an entry that stays is told as due once more, and then settled.
      change(entryKey(record.expireTime, record), undefined, noDeadline).catch(() => undefined)
    },
  }
}
