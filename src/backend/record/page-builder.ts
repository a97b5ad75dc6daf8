// Gathers one page of a list from rows in the engine's order.

import { envelopeHeaderBytes } from '../../core/envelope-sizes.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { RecordPage, RecordRange } from '../store/store.js'
import { cutToHeader } from './envelope-header.js'
import { isExpired } from './expiry.js'

/** What an engine reads for one page, envelopes and all, before it hands back what it has. */
export const maxScannedBytes = 32 * 1024 * 1024

// Record id, user uid, the key id of the first version, numbers, times and the tags of the encoding.
const fixedBytes = 72 + 16 + 16 + 96
// What a back end remembers of the versions before.
const rememberedBytes = 18

/** The size of a record in a page. */
export function listedBytes({ entryBox, replacedKeyIds }: SealedRecord): number {
  return fixedBytes + envelopeHeaderBytes + entryBox.length + rememberedBytes * replacedKeyIds.length
}

export interface PageBuilder {
  /** Takes the next row; false when the page ended before it. */
  add(row: SealedRecord): boolean
  page(): RecordPage
}

export function pageBuilder({ userUid, now, limit, maxBytes }: Omit<RecordRange, 'after'>): PageBuilder {
  const records: SealedRecord[] = []
  let bytes = 0
  let scanned = 0
  let last: Buffer | undefined
  let next: Buffer | undefined

  function endsBefore(row: SealedRecord, alive: boolean): boolean {
    if (last === undefined) return false
    if (scanned > maxScannedBytes) return true
    return alive && (records.length === limit || (records.length > 0 && bytes + listedBytes(row) > maxBytes))
  }

  return {
    add(row) {
      const alive = row.userUid.equals(userUid) && !isExpired(row, now)
      scanned += row.envelope.length
      if (endsBefore(row, alive)) {
        next = last
        return false
      }
      last = row.recordId
      if (alive) {
        bytes += listedBytes(row)
        records.push(cutToHeader(row))
      }
      return true
    },
    page: () => ({ records, next }),
  }
}
