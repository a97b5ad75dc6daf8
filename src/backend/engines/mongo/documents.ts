// The documents of users and records in MongoDB. Ids are text: the base64url of a pseudonym has 48 characters without
// padding, so a record's `_id` is 48 characters for its user and 48 of its own, and the records of a user are one
// range. The header of an envelope is a field apart from its chunks, so that lists and writes need not fetch the
// chunks.
import type { CollectionOptions } from 'mongodb'
import { envelopeHeaderBytes } from '../../../core/envelope-sizes.js'
import { noBytes } from '../../../core/frame.js'
import type { SealedRecord, UserDocument } from '../../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../../record/envelope-header.js'

/** A document of the collection `users`. */
export interface UserRow extends Omit<UserDocument, 'userPseudonym'> {
  _id: string
}

/** A document of the collections `records` and `versions`. */
export interface RecordRow {
  _id: string
  /** The etag that writes compare. */
  keyId: Buffer
  userUid: Buffer
  version: bigint
  storeTime: Date | null
  replacedKeyIds: Buffer[]
  /** The record's `lifeId`, under the name it had when the first of these rows were written. */
  firstKeyId: Buffer
  sizeBytes: bigint
  envelopeBytes: number
  entryBox: Buffer
  header: Buffer
  chunks: Buffer
  /** Optional fields: few records have them, and a sparse index holds the rows that expire. */
  partCount?: number
  partSetId?: Buffer
  expireTime?: Date
  keptVersions?: number
  keepVersions?: number
}

/** A row without the chunks of its envelope. */
export type HeaderRow = Omit<RecordRow, 'chunks'>

/** The projection of a HeaderRow. */
export const withoutChunks = { chunks: 0 } as const

/** Makes the driver return bytes as Buffer and 64-bit numbers as bigint. */
export const rowOptions: CollectionOptions = { promoteBuffers: true, useBigInt64: true }

/** The text of a pseudonym or a record id. */
export function encodeId(id: Buffer): string {
  return id.toString('base64url')
}

/**
 * The ids of a user's records behind `after`. They all begin with the user's pseudonym, and `~` sorts after its
 * alphabet.
 */
export function idRange(userPseudonym: Buffer, after: Buffer | undefined): { $gt: string; $lt: string } {
  const first = encodeId(userPseudonym)
  return { $gt: after ? encodeId(after) : first, $lt: `${first}~` }
}

/** The query for rows that have not expired; the same condition as `isExpired`. */
export function notExpired(now: Date): { expireTime: { $not: { $lte: Date } } } {
  return { expireTime: { $not: { $lte: now } } }
}

/** The row of a user document. */
export function userRow({ userPseudonym, ...rest }: UserDocument): UserRow {
  return { _id: encodeId(userPseudonym), ...rest }
}

/** The user document of a row. */
export function userOf({ _id, userUid, generations }: UserRow): UserDocument {
  return { userPseudonym: Buffer.from(_id, 'base64url'), userUid, generations }
}

/** The row of a record. */
export function recordRow(record: SealedRecord): RecordRow {
  const { recordId, envelope, entryBox, userUid, sizeBytes, version, storeTime, replacedKeyIds, lifeId } = record
  const { partCount, partSetId, expireTime, keptVersions, keepVersions } = record
  return {
    _id: encodeId(recordId),
    keyId: keyIdOf(record),
    userUid,
    version,
    storeTime: storeTime ?? null,
    replacedKeyIds,
    firstKeyId: lifeId,
    // MongoDB has signed numbers only; the bits are the same.
    sizeBytes: BigInt.asIntN(64, sizeBytes),
    envelopeBytes: envelope.length,
    entryBox,
    header: envelope.subarray(0, envelopeHeaderBytes),
    chunks: envelope.subarray(envelopeHeaderBytes),
    ...(partCount > 0 && { partCount }),
    ...(partSetId.length > 0 && { partSetId }),
    ...(expireTime && { expireTime }),
    ...(keptVersions > 0 && { keptVersions }),
    ...(keepVersions > 0 && { keepVersions }),
  }
}

/** The record of a row, its envelope cut to the header. */
export function recordHeaderOf(row: HeaderRow): SealedRecord {
  const { _id, entryBox, userUid, sizeBytes, version, storeTime, replacedKeyIds, header } = row
  return {
    recordId: Buffer.from(_id, 'base64url'),
    envelope: header,
    entryBox,
    userUid,
    sizeBytes: BigInt.asUintN(64, sizeBytes),
    version,
    storeTime: storeTime ?? undefined,
    replacedKeyIds,
    lifeId: row.firstKeyId ?? noBytes, // the oldest rows, from before versions existed, lack it
    partCount: row.partCount ?? 0,
    partSetId: row.partSetId ?? noBytes,
    expireTime: row.expireTime,
    keptVersions: row.keptVersions ?? 0,
    keepVersions: row.keepVersions ?? 0,
  }
}

/** The record of a row. */
export function recordOf(row: RecordRow): SealedRecord {
  return { ...recordHeaderOf(row), envelope: Buffer.concat([row.header, row.chunks]) }
}
