// Gathers one page of a list from rows in the engine's order.
import type { SealedRecord } from '../gen/encserver/v1/backend.js'
import { cutToHeader, headerBytes } from './envelope-header.js'
import type { RecordPage, RecordRange } from './store.js'

/** What an engine reads for one page, envelopes and all, before it hands back what it has. */
export const maxScannedBytes = 32 * 1024 * 1024

// Record id, user uid, numbers and the tags of the encoding.
const fixedBytes = 72 + 16 + 48

/** The size of a record in a page. */
export function listedBytes({ entryBox }: SealedRecord): number {
  return fixedBytes + headerBytes + entryBox.length
}

export interface PageBuilder {
  /** Takes the next row; false when the page ended before it. */
  add(row: SealedRecord): boolean
  page(): RecordPage
}

export function pageBuilder({ userUid, limit, maxBytes }: Omit<RecordRange, 'after'>): PageBuilder {
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
      const alive = row.userUid.equals(userUid)
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
