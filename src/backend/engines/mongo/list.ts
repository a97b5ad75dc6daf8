// One page of a user's records, in a few queries. The server reads whole documents even when it sends only some fields,
// so each query limits its rows by the mean size of the rows before.
import type { Collection } from 'mongodb'
import { maxScannedBytes, pageBuilder } from '../../record/page-builder.js'
import type { RecordPage, RecordRange } from '../../store/store.js'
import type { MongoContext } from './collections.js'
import { type HeaderRow, idRange, notExpired, type RecordRow, recordHeaderOf, withoutChunks } from './documents.js'

/** The rows of the first query, when no size is known. */
const firstRows = 32

function queryRows(
  records: Collection<RecordRow>,
  range: RecordRange & { rows: number },
  { call, commandOf }: MongoContext,
): Promise<HeaderRow[]> {
  const { userPseudonym, userUid, now, after, rows } = range
  const options = { ...commandOf(call), projection: withoutChunks }
  return records
    .find({ _id: idRange(userPseudonym, after), userUid, ...notExpired(now) }, options)
    .sort({ _id: 1 })
    .limit(rows)
    .batchSize(rows)
    .toArray()
}

/** The number of further rows that stay within the scan limit, by the mean size of the rows so far. */
function affordableRows(seenRows: number, scannedBytes: number): number {
  return Math.floor(((maxScannedBytes - scannedBytes) * seenRows) / scannedBytes)
}

/** As Store.listRecords. */
export async function listRecords(
  records: Collection<RecordRow>,
  range: RecordRange,
  context: MongoContext,
): Promise<RecordPage> {
  const builder = pageBuilder(range)
  let { after } = range
  let wanted = range.limit + 1 // one more row shows that a next page exists
  let seenRows = 0
  let scannedBytes = 0
  for (let rows = Math.min(firstRows, wanted); ; rows = Math.min(affordableRows(seenRows, scannedBytes), wanted)) {
    if (rows < 1) return { ...builder.page(), next: after }
    const found = await queryRows(records, { ...range, after, rows }, context)
    for (const row of found) {
      const record = recordHeaderOf(row)
      if (!builder.add(record)) return builder.page()
      after = record.recordId
      scannedBytes += row.envelopeBytes
    }
    if (found.length < rows) return builder.page()
    seenRows += rows
    wanted -= rows
  }
}
