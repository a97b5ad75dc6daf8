// Records in LevelDB.
//   records/  72-byte record id -> SealedRecord without the id
// The group commit is the only writer, so each write decides on the current row.
import { frame, noBytes } from '../../../core/frame.js'
import { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { pageBuilder } from '../../record/page-builder.js'
import { decideDelete, decideWrite } from '../../record/write-rules.js'
import type { DeleteTarget, Put, PutResult, RecordPage, RecordRange, StoreCall } from '../../store/store.js'
import type { LevelDatabase } from './database.js'
import type { ExpiryIndex } from './expiry-index.js'
import { isDamaged, type Row, requireIntact, rowCodec } from './row-codec.js'

/** A database of records or of kept versions. */
export type LevelRecords = LevelDatabase<Row<SealedRecord>>

const maxRecordPseudonym = Buffer.alloc(36, 0xff)

/** The stand-in for a damaged row in lists; the front end counts it as unreadable. */
export const unreadableRecord = SealedRecord.create()

/** A record without its id, which is the key. */
export const recordCodec = rowCodec<SealedRecord>({
  encode: (record: SealedRecord) => frame(SealedRecord, { ...record, recordId: noBytes }),
  decode: (bytes: Buffer) => SealedRecord.decode(bytes),
})

/** As Store.getRecord. */
export async function getRecord(
  records: LevelRecords,
  recordId: Buffer,
  call: StoreCall,
): Promise<SealedRecord | undefined> {
  const row = requireIntact(await records.get(recordId, call))
  return row && { ...row, recordId }
}

function writeRecord(records: LevelRecords, put: Put, call: StoreCall): Promise<PutResult | undefined> {
  const { record, precondition } = put
  const { recordId } = record
  return records.write<PutResult | undefined>({
    key: recordId,
    bytes: recordId.length + record.envelope.length + record.entryBox.length,
    decide(row) {
      // A damaged row has no version to check a precondition against. A write without a precondition replaces the row.
      const from = precondition === undefined && isDamaged(row) ? undefined : requireIntact(row)
      const decision = decideWrite(from, put)
      if (decision === undefined) return { answer: undefined }
      const { next, ...answer } = decision
      if (next === undefined) return { answer: { ...answer, change: undefined } }
      const change = { from: from && { ...from, recordId }, to: next }
      return { change: { value: next }, answer: { ...answer, change } }
    },
    call,
  })
}

/** As Store.putRecord; keeps the expiry index in step. */
export async function putRecord(
  { records, expiry }: { records: LevelRecords; expiry: ExpiryIndex },
  put: Put,
  call: StoreCall,
): Promise<PutResult | undefined> {
  const written = await expiry.addThenWrite(put.record, () => writeRecord(records, put, call), call)
  const { change } = written ?? {}
  if (change?.to.keptVersions === 0) expiry.remove(change.from)
  return written
}

/**
 * As Store.deleteRecord; keeps the expiry index in step. A delete without an expected version removes a damaged row.
 */
export async function deleteRecord(
  { records, expiry }: { records: LevelRecords; expiry: ExpiryIndex },
  target: DeleteTarget,
  call: StoreCall,
): Promise<SealedRecord | undefined> {
  const { recordId, userUid, expectKeyId } = target
  const removed = await records.write<SealedRecord | undefined>({
    key: recordId,
    bytes: recordId.length,
    decide(row) {
      const damaged = isDamaged(row) && expectKeyId === undefined
      if (damaged) return { change: { value: undefined }, answer: { ...unreadableRecord, recordId, userUid } }
      const current = requireIntact(row)
      return current && decideDelete(current, target)
        ? { change: { value: undefined }, answer: { ...current, recordId } }
        : { answer: undefined }
    },
    call,
  })
  expiry.remove(removed)
  return removed
}

/** As Store.listRecords. */
export async function listRecords(records: LevelRecords, range: RecordRange, call: StoreCall): Promise<RecordPage> {
  const { userPseudonym, after } = range
  const builder = pageBuilder(range)
  const keys = {
    ...(after ? { gt: after } : { gte: userPseudonym }),
    lte: Buffer.concat([userPseudonym, maxRecordPseudonym]),
  }
  const shown = (row: Row<SealedRecord>) => (isDamaged(row) ? { ...unreadableRecord, userUid: range.userUid } : row)
  await records.scan(keys, (recordId, row) => builder.add({ ...shown(row), recordId }), call)
  return builder.page()
}
