// Kept versions in MongoDB (versions.ts): `_id` is the record's, then the life and the number in hex, so that the
// versions of a record are one range, and those of a life in it another.
import type { Collection, Filter } from 'mongodb'
import type { SealedRecord } from '../../../gen/encserver/v1/backend.js'
import type { Due, VersionedPage, VersionId, VersionRange } from '../../store/store.js'
import type { Caller, Collections } from './collections.js'
import { idText, listedOf, type RecordRow, recordOf, recordRow, withoutChunks } from './documents.js'

type Rows = Collection<RecordRow>

const recordIdSymbols = 96
const lifeSymbols = 32
const noMark = Buffer.alloc(0)

function versionText({ recordId, lifeId, version }: VersionId): string {
  return `${idText(recordId)}.${lifeId.toString('hex')}.${version.toString(16).padStart(16, '0')}`
}

function idRangeOf({ recordId, life }: VersionRange): { $gt: string; $lt: string } {
  const record = `${idText(recordId)}.`
  if (life === undefined) return { $gt: record, $lt: `${record}~` }
  const { lifeId, below } = life
  return { $gt: `${record}${lifeId.toString('hex')}.`, $lt: versionText({ recordId, lifeId, version: below }) }
}

function recordIdOf({ _id }: { _id: string }): Buffer {
  return Buffer.from(_id.slice(0, recordIdSymbols), 'base64url')
}

/** By its id, as that is what it is found by, whatever it says itself. */
function lifeIdOf({ _id }: { _id: string }): Buffer {
  const begin = recordIdSymbols + 1
  return Buffer.from(_id.slice(begin, begin + lifeSymbols), 'hex')
}

export async function putVersion(rows: Rows, version: SealedRecord, { call, commandOf }: Caller): Promise<void> {
  const { _id: _, ...fields } = recordRow(version)
  await rows.replaceOne({ _id: versionText(version) }, fields, { ...commandOf(call), upsert: true })
}

export async function getVersion(
  rows: Rows,
  id: VersionId,
  { call, commandOf }: Caller,
): Promise<SealedRecord | undefined> {
  const row = await rows.findOne({ _id: versionText(id) }, commandOf(call))
  return row ? { ...recordOf(row), recordId: id.recordId } : undefined
}

export async function listVersions(
  rows: Rows,
  range: VersionRange,
  { call, commandOf }: Caller,
): Promise<SealedRecord[]> {
  const found = await rows
    .find({ _id: idRangeOf(range) }, { ...commandOf(call), projection: withoutChunks })
    .sort({ _id: 1 })
    .toArray()
  return found.map((row) => ({ ...listedOf(row), recordId: range.recordId, lifeId: lifeIdOf(row) }))
}

export async function removeVersion(rows: Rows, version: SealedRecord, { call, commandOf }: Caller): Promise<void> {
  await rows.deleteOne({ _id: versionText(version) }, commandOf(call))
}

/** The `_id` of rows, without reading the rows. */
function ids(
  rows: Rows,
  { filter, order, limit }: { filter: Filter<RecordRow>; order: '_id' | 'expireTime'; limit: number },
  { call, commandOf }: Caller,
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

export async function versionedRecords(
  rows: Rows,
  { after, limit }: { after: Buffer | undefined; limit: number },
  caller: Caller,
): Promise<VersionedPage> {
  const filter = after ? { _id: { $gt: `${idText(after)}.~` } } : {}
  const found = await ids(rows, { filter, order: '_id', limit }, caller)
  const recordIds = distinct(found.map(recordIdOf))
  return { recordIds, next: found.length < limit ? undefined : recordIds.at(-1) }
}

/** Told until it is gone: the rows themselves are what is asked for. */
export async function expired(
  { records, versions }: Collections,
  { by, limit }: { by: Date; limit: number },
  caller: Caller,
): Promise<Due[]> {
  const filter = { expireTime: { $lte: by } }
  const found = await Promise.all(
    [records, versions].map((rows) => ids(rows, { filter, order: 'expireTime', limit }, caller)),
  )
  const recordIds = distinct(found.flat().map(recordIdOf))
  return recordIds.map((recordId) => ({ recordId, mark: noMark }))
}
