// Reads and writes of one record. A write is decided by write-rules.ts against the row as it was read, and is made on the
// condition that the row still has the key id it had then.
import type { Collection } from 'mongodb'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../../record/envelope-header.js'
import { isExpired } from '../../record/expiry.js'
import { decideDelete, decideWrite } from '../../record/write-rules.js'
import { conflict, retryOnConflict } from '../../store/compare-and-set.js'
import type { DeleteTarget, Put, Written } from '../../store/store.js'
import { type Caller, insert } from './collections.js'
import { idText, listedOf, notExpired, type RecordRow, recordOf, recordRow, withoutChunks } from './documents.js'

type Records = Collection<RecordRow>

// A guess costs its envelope's way to the server when it is wrong.
const maxGuessBytes = 64 * 1024

export async function getRecord(
  records: Records,
  recordId: Buffer,
  { call, commandOf }: Caller,
): Promise<SealedRecord | undefined> {
  const row = await records.findOne({ _id: idText(recordId) }, commandOf(call))
  return row ? recordOf(row) : undefined
}

/** The record as the rules need it: without its chunks. */
export async function getRecordHeader(
  records: Records,
  recordId: Buffer,
  { call, commandOf }: Caller,
): Promise<SealedRecord | undefined> {
  const options = { ...commandOf(call), projection: withoutChunks }
  const row = await records.findOne({ _id: idText(recordId) }, options)
  return row ? listedOf(row) : undefined
}

/** Writes if that is what the rules decide for the current record, and if it still is the current one. */
async function written(
  records: Records,
  { put, current }: { put: Put; current: SealedRecord | undefined },
  caller: Caller,
): Promise<Written | undefined | typeof conflict> {
  const decision = decideWrite(current, put)
  if (!decision?.next) return decision && { stored: decision.stored, change: undefined }
  const { stored, next } = decision
  const row = recordRow(next)
  const done = current ? await replaced(records, { row, current }, caller) : await insert(records, row, caller)
  return done ? { stored, change: { from: current, to: next } } : conflict
}

async function replaced(
  records: Records,
  { row, current }: { row: RecordRow; current: SealedRecord },
  { call, commandOf }: Caller,
): Promise<boolean> {
  const { _id, ...fields } = row
  // The life too: a write repeated after a delete has the same key id in another. Old rows name none.
  const { lifeId } = current
  const condition = { _id, keyId: keyIdOf(current), ...(lifeId.length > 0 && { firstKeyId: lifeId }) }
  const { matchedCount } = await records.replaceOne(condition, fields, commandOf(call))
  return matchedCount === 1
}

/**
 * Most records are written once: inserting them first saves a read, and costs little when it was wrong. One that has
 * expired can only be a repeated write, and so is one that was perhaps done.
 */
function maybeNew({ record, precondition, keptKeyId, perhapsDone, now }: Put): boolean {
  const mustBeThere = precondition?.condition?.$case === 'keyId' || keptKeyId !== undefined || isExpired(record, now)
  return !mustBeThere && !perhapsDone && record.envelope.length <= maxGuessBytes
}

export async function putRecord(records: Records, put: Put, caller: Caller): Promise<Written | undefined> {
  const guess = maybeNew(put) ? await written(records, { put, current: undefined }, caller) : conflict
  if (guess !== conflict) return guess
  return retryOnConflict(async () => {
    const current = await getRecordHeader(records, put.record.recordId, caller)
    return written(records, { put, current }, caller)
  }, caller.call)
}

/** What decideDelete would allow, as a query: it saves a read to ask only if there is no such row. */
function deletable({ recordId, userUid, expectKeyId, now }: DeleteTarget) {
  return { _id: idText(recordId), userUid, ...(expectKeyId && { keyId: expectKeyId }), ...(now && notExpired(now)) }
}

export function deleteRecord(
  records: Records,
  target: DeleteTarget,
  caller: Caller,
): Promise<SealedRecord | undefined> {
  const { call, commandOf } = caller
  return retryOnConflict(async () => {
    const options = { ...commandOf(call), projection: withoutChunks }
    const row = await records.findOneAndDelete(deletable(target), options)
    if (row !== null) return listedOf(row)
    const current = await getRecordHeader(records, target.recordId, caller)
    return decideDelete(current, target) ? conflict : undefined
  }, call)
}
