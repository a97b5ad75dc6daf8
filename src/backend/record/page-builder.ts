// Builds one page of a list from rows in the engine's order. A page ends at its limits of records and bytes, or when
// the engine has read enough.
import { envelopeHeaderBytes } from '../../core/envelope-sizes.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { RecordPage, RecordRange } from '../store/store.js'
import { cutToHeader } from './envelope-header.js'
import { isExpired } from './expiry.js'

/** The bytes, envelopes included, that an engine reads for one page before it returns what it has. */
export const maxScannedBytes = 32 * 1024 * 1024

// Record id, user uid, life id, numbers, times and the tags of the encoding.
const fixedBytes = 72 + 16 + 16 + 96
// A replaced key id.
const replacedKeyIdBytes = 18

/** The size of a record in a page. */
export function listedBytes({ entryBox, replacedKeyIds }: SealedRecord): number {
  return fixedBytes + envelopeHeaderBytes + entryBox.length + replacedKeyIdBytes * replacedKeyIds.length
}

/** A page under construction. */
export interface PageBuilder {
  /** Adds the next row; false when the page ended before it. */
  add(row: SealedRecord): boolean
  /** The page so far. */
  page(): RecordPage
}

/** Builds a page of the range. Rows of another life of the user and expired rows are left out. */
export function pageBuilder({ userUid, now, limit, maxBytes }: Omit<RecordRange, 'after'>): PageBuilder {
  const records: SealedRecord[] = []
  let bytes = 0
  let scannedBytes = 0
  let last: Buffer | undefined
  let next: Buffer | undefined

  function endsBefore(row: SealedRecord, isListed: boolean): boolean {
    if (last === undefined) return false
    if (scannedBytes > maxScannedBytes) return true
    return isListed && (records.length === limit || (records.length > 0 && bytes + listedBytes(row) > maxBytes))
  }

  return {
    add(row) {
      const isListed = row.userUid.equals(userUid) && !isExpired(row, now)
      scannedBytes += row.envelope.length
      if (endsBefore(row, isListed)) {
        next = last
        return false
      }
      last = row.recordId
      if (isListed) {
        bytes += listedBytes(row)
        records.push(cutToHeader(row))
      }
      return true
    },
    page: () => ({ records, next }),
  }
}
