// One page of a user's records, in a few queries. The server reads a document whole even when it sends only a part of it,
// so each query asks for no more rows than the sizes of those before it allow.
import type { Collection } from 'mongodb'
import { maxScannedBytes, pageBuilder } from '../../record/page-builder.js'
import type { RecordPage, RecordRange } from '../../store/store.js'
import type { Caller } from './collections.js'
import { idRange, type ListedRow, listedOf, notExpired, type RecordRow, withoutChunks } from './documents.js'

/** What is asked for before any size is known. */
const firstRows = 32

function queryRows(
  records: Collection<RecordRow>,
  range: RecordRange & { rows: number },
  { call, commandOf }: Caller,
): Promise<ListedRow[]> {
  const { userPseudonym, userUid, now, after, rows } = range
  const options = { ...commandOf(call), projection: withoutChunks }
  return records
    .find({ _id: idRange(userPseudonym, after), userUid, ...notExpired(now) }, options)
    .sort({ _id: 1 })
    .limit(rows)
    .batchSize(rows)
    .toArray()
}

/** How many rows more fit into what may be scanned, by the mean size of those seen. */
function affordable(seenRows: number, scannedBytes: number): number {
  return Math.floor(((maxScannedBytes - scannedBytes) * seenRows) / scannedBytes)
}

export async function listRecords(
  records: Collection<RecordRow>,
  range: RecordRange,
  caller: Caller,
): Promise<RecordPage> {
  const builder = pageBuilder(range)
  let { after } = range
  let wanted = range.limit + 1 // the row that tells that there is a next page
  let seenRows = 0
  let scannedBytes = 0
  for (let rows = Math.min(firstRows, wanted); ; rows = Math.min(affordable(seenRows, scannedBytes), wanted)) {
    if (rows < 1) return { ...builder.page(), next: after }
    const found = await queryRows(records, { ...range, after, rows }, caller)
    for (const row of found) {
      const record = listedOf(row)
      if (!builder.add(record)) return builder.page()
      after = record.recordId
      scannedBytes += row.envelopeBytes
    }
    if (found.length < rows) return builder.page()
    seenRows += rows
    wanted -= rows
  }
}
