// Reads and writes of records in LevelDB:
//   records/  72-byte record id -> SealedRecord without the id
// The one writer of the group commit decides each write against the row as it is then.
import { frame, noBytes } from '../../../core/frame.js'
import { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { pageBuilder } from '../../record/page-builder.js'
import { decideDelete, decideWrite } from '../../record/write-rules.js'
import type { DeleteTarget, Put, RecordPage, RecordRange, StoreCall, Written } from '../../store/store.js'
import type { LevelDatabase } from './database.js'
import type { ExpiryIndex } from './expiry-index.js'
import { intact, isDamaged, type Row, rowCodec } from './row-codec.js'

export type LevelRecords = LevelDatabase<Row<SealedRecord>>

const idTail = Buffer.alloc(36, 0xff)

/** What is shown of a damaged row: the front end counts it as unreadable. */
export const unreadable = SealedRecord.create()

export const recordCodec = rowCodec<SealedRecord>({
  encode: (record: SealedRecord) => frame(SealedRecord, { ...record, recordId: noBytes }),
  decode: (bytes: Buffer) => SealedRecord.decode(bytes),
})

export async function getRecord(
  records: LevelRecords,
  recordId: Buffer,
  call: StoreCall,
): Promise<SealedRecord | undefined> {
  const row = intact(await records.get(recordId, call))
  return row && { ...row, recordId }
}

function writeRecord(records: LevelRecords, put: Put, call: StoreCall): Promise<Written | undefined> {
  const { record, precondition } = put
  const { recordId } = record
  return records.write<Written | undefined>({
    key: recordId,
    bytes: recordId.length + record.envelope.length + record.entryBox.length,
    decide(row) {
      // A damaged row has no version to hold a precondition against; without one it is replaced.
      const from = precondition === undefined && isDamaged(row) ? undefined : intact(row)
      const decision = decideWrite(from, put)
      if (!decision?.next) return { answer: decision && { stored: decision.stored, change: undefined } }
      const { stored, next } = decision
      return { change: { value: next }, answer: { stored, change: { from: from && { ...from, recordId }, to: next } } }
    },
    call,
  })
}

export async function putRecord(
  { records, expiry }: { records: LevelRecords; expiry: ExpiryIndex },
  put: Put,
  call: StoreCall,
): Promise<Written | undefined> {
  const written = await expiry.noted(put.record, () => writeRecord(records, put, call), call)
  const { change } = written ?? {}
  if (change?.to.keptVersions === 0) expiry.forget(change.from)
  return written
}

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
      if (damaged) return { change: { value: undefined }, answer: { ...unreadable, recordId, userUid } }
      const current = intact(row)
      return current && decideDelete(current, target)
        ? { change: { value: undefined }, answer: { ...current, recordId } }
        : { answer: undefined }
    },
    call,
  })
  expiry.forget(removed)
  return removed
}

export async function listRecords(records: LevelRecords, range: RecordRange, call: StoreCall): Promise<RecordPage> {
  const { userPseudonym, after } = range
  const builder = pageBuilder(range)
  const keys = { ...(after ? { gt: after } : { gte: userPseudonym }), lte: Buffer.concat([userPseudonym, idTail]) }
  const listed = (row: Row<SealedRecord>) => (isDamaged(row) ? { ...unreadable, userUid: range.userUid } : row)
  await records.scan(keys, (recordId, row) => builder.add({ ...listed(row), recordId }), call)
  return builder.page()
}
