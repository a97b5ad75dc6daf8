// Kept versions in MongoDB (record/versions.ts). The `_id` is the record's id, then the life id and the version in hex,
// so the versions of a record are one range, and those of one life a range within it.
import type { Collection, Filter } from 'mongodb'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import type { DueRecord, VersionedPage, VersionId, VersionRange } from '../../store/store.js'
import type { Collections, MongoContext } from './collections.js'
import { encodeId, type RecordRow, recordHeaderOf, recordOf, recordRow, withoutChunks } from './documents.js'

type Rows = Collection<RecordRow>

const recordIdSymbols = 96
const lifeSymbols = 32
const noMark = Buffer.alloc(0)

function versionKey({ recordId, lifeId, version }: VersionId): string {
  return `${encodeId(recordId)}.${lifeId.toString('hex')}.${version.toString(16).padStart(16, '0')}`
}

function idRangeOf({ recordId, life }: VersionRange): { $gt: string; $lt: string } {
  const record = `${encodeId(recordId)}.`
  if (life === undefined) return { $gt: record, $lt: `${record}~` }
  const { lifeId, below } = life
  return { $gt: `${record}${lifeId.toString('hex')}.`, $lt: versionKey({ recordId, lifeId, version: below }) }
}

function recordIdOf({ _id }: { _id: string }): Buffer {
  return Buffer.from(_id.slice(0, recordIdSymbols), 'base64url')
}

/** The life id in the row's id, which queries use; the field in the row may differ. */
function lifeIdOf({ _id }: { _id: string }): Buffer {
  const begin = recordIdSymbols + 1
  return Buffer.from(_id.slice(begin, begin + lifeSymbols), 'hex')
}

/** As Store.putVersion. */
export async function putVersion(rows: Rows, version: SealedRecord, { call, commandOf }: MongoContext): Promise<void> {
  const { _id: _, ...fields } = recordRow(version)
  await rows.replaceOne({ _id: versionKey(version) }, fields, { ...commandOf(call), upsert: true })
}

/** As Store.getVersion. */
export async function getVersion(
  rows: Rows,
  id: VersionId,
  { call, commandOf }: MongoContext,
): Promise<SealedRecord | undefined> {
  const row = await rows.findOne({ _id: versionKey(id) }, commandOf(call))
  return row ? { ...recordOf(row), recordId: id.recordId } : undefined
}

/** As Store.listVersions. */
export async function listVersions(
  rows: Rows,
  range: VersionRange,
  { call, commandOf }: MongoContext,
): Promise<SealedRecord[]> {
  const found = await rows
    .find({ _id: idRangeOf(range) }, { ...commandOf(call), projection: withoutChunks })
    .sort({ _id: 1 })
    .toArray()
  return found.map((row) => ({ ...recordHeaderOf(row), recordId: range.recordId, lifeId: lifeIdOf(row) }))
}

/** As Store.removeVersion. */
export async function removeVersion(
  rows: Rows,
  version: SealedRecord,
  { call, commandOf }: MongoContext,
): Promise<void> {
  await rows.deleteOne({ _id: versionKey(version) }, commandOf(call))
}

/** The ids of rows, without reading the rows. */
function findIds(
  rows: Rows,
  { filter, order, limit }: { filter: Filter<RecordRow>; order: '_id' | 'expireTime'; limit: number },
  { call, commandOf }: MongoContext,
): Promise<{ _id: string }[]> {
  const options = { ...commandOf(call), projection: { _id: 1 } }
  return rows
    .find(filter, options)
    .sort({ [order]: 1 })
    .limit(limit)
    .toArray()
}

function distinct(recordIds: Buffer[]): Buffer[] {
  return [...new Map(recordIds.map((id) => [id.toString('latin1'), id])).values()]
}

/** As Store.versionedRecords. */
export async function versionedRecords(
  rows: Rows,
  { after, limit }: { after: Buffer | undefined; limit: number },
  context: MongoContext,
): Promise<VersionedPage> {
  const filter = after ? { _id: { $gt: `${encodeId(after)}.~` } } : {}
  const found = await findIds(rows, { filter, order: '_id', limit }, context)
  const recordIds = distinct(found.map(recordIdOf))
  return { recordIds, next: found.length < limit ? undefined : recordIds.at(-1) }
}

/** As Store.listDue. It lists the expired rows themselves, until they are removed. */
export async function listDue(
  { records, versions }: Collections,
  { by, limit }: { by: Date; limit: number },
  context: MongoContext,
): Promise<DueRecord[]> {
  const filter = { expireTime: { $lte: by } }
  const found = await Promise.all(
    [records, versions].map((rows) => findIds(rows, { filter, order: 'expireTime', limit }, context)),
  )
  const recordIds = distinct(found.flat().map(recordIdOf))
  return recordIds.map((recordId) => ({ recordId, mark: noMark }))
}
