// Records in MongoDB. A write reads the row, decides by write-rules.ts, and replaces the row on the condition that it
// still has the same envelope header: a compare-and-set.
import type { Collection } from 'mongodb'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import { headerOf } from '../../record/envelope-header.js'
import { isExpired } from '../../record/expiry.js'
import { decideDelete, decideWrite } from '../../record/write-rules.js'
import { conflict, retryOnConflict } from '../../store/compare-and-set.js'
import type { DeleteTarget, Put, PutResult } from '../../store/store.js'
import { insert, type MongoContext } from './collections.js'
import {
  encodeId,
  notExpired,
  type RecordRow,
  recordHeaderOf,
  recordOf,
  recordRow,
  withoutChunks,
} from './documents.js'

type Records = Collection<RecordRow>

/** The largest envelope to insert on a guess: a wrong guess wastes its transfer. */
const maxGuessBytes = 64 * 1024

/** As Store.getRecord. */
export async function getRecord(
  records: Records,
  recordId: Buffer,
  { call, commandOf }: MongoContext,
): Promise<SealedRecord | undefined> {
  const row = await records.findOne({ _id: encodeId(recordId) }, commandOf(call))
  return row ? recordOf(row) : undefined
}

/** As Store.getRecordHeader. */
export async function getRecordHeader(
  records: Records,
  recordId: Buffer,
  { call, commandOf }: MongoContext,
): Promise<SealedRecord | undefined> {
  const options = { ...commandOf(call), projection: withoutChunks }
  const row = await records.findOne({ _id: encodeId(recordId) }, options)
  return row ? recordHeaderOf(row) : undefined
}

/** Writes the record if the rules allow it for `current`; returns `conflict` when another row is there by then. */
async function tryWrite(
  records: Records,
  { put, current }: { put: Put; current: SealedRecord | undefined },
  context: MongoContext,
): Promise<PutResult | undefined | typeof conflict> {
  const decision = decideWrite(current, put)
  if (decision === undefined) return undefined
  const { next, ...answer } = decision
  if (next === undefined) return { ...answer, change: undefined }
  const row = recordRow(next)
  const done = current ? await replace(records, { row, current }, context) : await insert(records, row, context)
  return done ? { ...answer, change: { from: current, to: next } } : conflict
}

async function replace(
  records: Records,
  { row, current }: { row: RecordRow; current: SealedRecord },
  { call, commandOf }: MongoContext,
): Promise<boolean> {
  const { _id, ...fields } = row
  // Not the key id: a caller can bring one back under another header. The life id too: a write retried after a delete has the
  // same header in another life. The oldest rows lack it.
  const { lifeId } = current
  const condition = { _id, header: headerOf(current), ...(lifeId.length > 0 && { firstKeyId: lifeId }) }
  const { matchedCount } = await records.replaceOne(condition, fields, commandOf(call))
  return matchedCount === 1
}

/**
 * True if an insert is worth a try. Most records are written once, so inserting first saves a read, and a wrong guess
 * costs little. A record that has expired, or that a prior attempt may have written, can only be a retried write.
 */
function mayBeNew({ record, precondition, keptHeader, mayHaveCommitted, now }: Put): boolean {
  const mustBeThere = precondition?.condition?.$case === 'keyId' || keptHeader !== undefined || isExpired(record, now)
  return !mustBeThere && !mayHaveCommitted && record.envelope.length <= maxGuessBytes
}

/** As Store.putRecord. */
export async function putRecord(records: Records, put: Put, context: MongoContext): Promise<PutResult | undefined> {
  const guess = mayBeNew(put) ? await tryWrite(records, { put, current: undefined }, context) : conflict
  if (guess !== conflict) return guess
  return retryOnConflict(async () => {
    const current = await getRecordHeader(records, put.record.recordId, context)
    return tryWrite(records, { put, current }, context)
  }, context.call)
}

/** The query for rows that decideDelete would allow: a delete that finds one needs no read before. */
function deletableFilter({ recordId, userUid, expectKeyId, now }: DeleteTarget) {
  return { _id: encodeId(recordId), userUid, ...(expectKeyId && { keyId: expectKeyId }), ...(now && notExpired(now)) }
}

/** As Store.deleteRecord. */
export function deleteRecord(
  records: Records,
  target: DeleteTarget,
  context: MongoContext,
): Promise<SealedRecord | undefined> {
  const { call, commandOf } = context
  return retryOnConflict(async () => {
    const options = { ...commandOf(call), projection: withoutChunks }
    const row = await records.findOneAndDelete(deletableFilter(target), options)
    if (row !== null) return recordHeaderOf(row)
    const current = await getRecordHeader(records, target.recordId, context)
    return decideDelete(current, target) ? conflict : undefined
  }, call)
}
