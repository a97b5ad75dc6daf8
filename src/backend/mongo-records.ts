// Reads and writes of one record. A write is decided by write-rules.ts against the row as it was read, and is made on the
// condition that the row still has the key id it had then.
import type { Collection } from 'mongodb'
import type { SealedRecord, StoredEnvelope } from '../gen/encserver/v1/backend.js'
import type { Precondition } from '../gen/encserver/v1/frontend.js'
import { keyIdOf } from './envelope-header.js'
import { type Caller, inserted } from './mongo-collections.js'
import { idText, listedOf, type RecordRow, recordOf, recordRow, withoutChunks } from './mongo-documents.js'
import { overtaken, takeTurns } from './mongo-turns.js'
import type { DeleteTarget } from './store.js'
import { decideDelete, decideWrite } from './write-rules.js'

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
async function currentRecord(
  records: Records,
  recordId: Buffer,
  { call, commandOf }: Caller,
): Promise<SealedRecord | undefined> {
  const options = { ...commandOf(call), projection: withoutChunks }
  const row = await records.findOne({ _id: idText(recordId) }, options)
  return row ? listedOf(row) : undefined
}

export interface Put {
  record: SealedRecord
  precondition: Precondition | undefined
}

/** Writes if that is what the rules decide for the current record, and if it still is the current one. */
async function written(
  records: Records,
  { record, precondition, current }: Put & { current: SealedRecord | undefined },
  caller: Caller,
): Promise<StoredEnvelope | typeof overtaken> {
  const { write, stored, replacedKeyIds } = decideWrite(current, record, precondition)
  if (!write) return stored
  const row = recordRow({ ...record, ...stored, replacedKeyIds })
  const done = current
    ? await replaced(records, { row, keyId: keyIdOf(current) }, caller)
    : await inserted(records, row, caller)
  return done ? stored : overtaken
}

async function replaced(
  records: Records,
  { row, keyId }: { row: RecordRow; keyId: Buffer },
  { call, commandOf }: Caller,
): Promise<boolean> {
  const { _id, ...fields } = row
  const { matchedCount } = await records.replaceOne({ _id, keyId }, fields, commandOf(call))
  return matchedCount === 1
}

/** Most records are written once: inserting them first saves a read, and costs little when it was wrong. */
function maybeNew({ record, precondition }: Put): boolean {
  return precondition?.condition?.$case !== 'keyId' && record.envelope.length <= maxGuessBytes
}

export async function putRecord(records: Records, put: Put, caller: Caller): Promise<StoredEnvelope> {
  const guess = maybeNew(put) ? await written(records, { ...put, current: undefined }, caller) : overtaken
  if (guess !== overtaken) return guess
  return takeTurns(async () => {
    const current = await currentRecord(records, put.record.recordId, caller)
    return written(records, { ...put, current }, caller)
  }, caller.call)
}

export function deleteRecord(records: Records, target: DeleteTarget, caller: Caller): Promise<boolean> {
  const { call, commandOf } = caller
  const { recordId, userUid, expectKeyId } = target
  // What decideDelete would allow, as a query: it saves a read to ask only if there is no such row.
  const filter = { _id: idText(recordId), userUid, ...(expectKeyId && { keyId: expectKeyId }) }
  return takeTurns(async () => {
    const { deletedCount } = await records.deleteOne(filter, commandOf(call))
    if (deletedCount === 1) return true
    const current = await currentRecord(records, recordId, caller)
    return decideDelete(current, target) ? overtaken : false
  }, call)
}
