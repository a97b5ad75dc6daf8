// How users and records lie in MongoDB. An id is text: base64url of a pseudonym is 48 symbols with nothing over, so a
// record's `_id` is its user's 48 and then its own 48, and a user's records are one range. The envelope's header stands
// apart from its chunks, so that lists and writes do not fetch what they do not need.
import type { CollectionOptions } from 'mongodb'
import { envelopeHeaderBytes } from '../../../core/envelope-sizes.js'
import { noBytes } from '../../../core/frame.js'
import type { SealedRecord, UserDocument } from '../../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../../record/envelope-header.js'

export interface UserRow extends Omit<UserDocument, 'userPseudonym'> {
  _id: string
}

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
  /** These are there when they are set: few records have them, and a sparse index holds those that expire. */
  partCount?: number
  expireTime?: Date
  keptVersions?: number
  keepVersions?: number
}

/** A record without the chunks of its envelope. */
export type ListedRow = Omit<RecordRow, 'chunks'>

export const withoutChunks = { chunks: 0 } as const

/** How the rows above come back: bytes as Buffer, 64-bit numbers as bigint. */
export const rowOptions: CollectionOptions = { promoteBuffers: true, useBigInt64: true }

export function idText(id: Buffer): string {
  return id.toString('base64url')
}

/** The records of a user, or those of them after `after`: all ids begin with the pseudonym, and no symbol is above `z`. */
export function idRange(userPseudonym: Buffer, after: Buffer | undefined): { $gt: string; $lt: string } {
  const first = idText(userPseudonym)
  return { $gt: after ? idText(after) : first, $lt: `${first}~` }
}

/** As isExpired, in a query. */
export function notExpired(now: Date): { expireTime: { $not: { $lte: Date } } } {
  return { expireTime: { $not: { $lte: now } } }
}

export function userRow({ userPseudonym, ...rest }: UserDocument): UserRow {
  return { _id: idText(userPseudonym), ...rest }
}

export function userOf({ _id, userUid, generations }: UserRow): UserDocument {
  return { userPseudonym: Buffer.from(_id, 'base64url'), userUid, generations }
}

export function recordRow(record: SealedRecord): RecordRow {
  const { recordId, envelope, entryBox, userUid, sizeBytes, version, storeTime, replacedKeyIds, lifeId } = record
  const { partCount, expireTime, keptVersions, keepVersions } = record
  return {
    _id: idText(recordId),
    keyId: keyIdOf(record),
    userUid,
    version,
    storeTime: storeTime ?? null,
    replacedKeyIds,
    firstKeyId: lifeId,
    // The database knows signed numbers only; the bits are the same.
    sizeBytes: BigInt.asIntN(64, sizeBytes),
    envelopeBytes: envelope.length,
    entryBox,
    header: envelope.subarray(0, envelopeHeaderBytes),
    chunks: envelope.subarray(envelopeHeaderBytes),
    ...(partCount > 0 && { partCount }),
    ...(expireTime && { expireTime }),
    ...(keptVersions > 0 && { keptVersions }),
    ...(keepVersions > 0 && { keepVersions }),
  }
}

/** The record, its envelope cut to the header. */
export function listedOf(row: ListedRow): SealedRecord {
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
    lifeId: row.firstKeyId ?? noBytes, // rows of before there were versions lack it
    partCount: row.partCount ?? 0,
    expireTime: row.expireTime,
    keptVersions: row.keptVersions ?? 0,
    keepVersions: row.keepVersions ?? 0,
  }
}

export function recordOf(row: RecordRow): SealedRecord {
  return { ...listedOf(row), envelope: Buffer.concat([row.header, row.chunks]) }
}
