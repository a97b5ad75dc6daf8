// Validation of requests. Each function throws INVALID_REQUEST with the field's name in the contract and the accepted
// values.

import {
  envelopeHeaderBytes,
  keyIdBytes,
  pseudonymBytes,
  recordIdBytes,
  userUidBytes,
} from '../../core/envelope-sizes.js'
import { invalidField } from '../../core/errors.js'
import { isKeyCheck, keyCheckBytes, sameKeyName } from '../../core/key-check.js'
import type {
  BindKeyringRequest,
  DeleteEnvelopeRequest,
  ListEnvelopesRequest,
  ListEnvelopeVersionsRequest,
  RetrieveEnvelopeRequest,
  RetrievePartRequest,
  SealedRecord,
  StoreEnvelopeRequest,
  StorePartRequest,
  UserDocument,
} from '../../gen/encserver/v1/backend.js'
import type { Precondition } from '../../gen/encserver/v1/frontend.js'
import { isEnvelopeV1, maxEnvelopeBytes, minEnvelopeBytes } from '../record/envelope-header.js'
import { userPseudonymOf } from '../record/record-id.js'
import { maxKeyChecks } from '../store/key-checks.js'

const keyringIdBytes = 16
const bindBytes = 32
const partSetIdBytes = 16
const maxBoxBytes = 8192
const maxPartBytes = 2 * 1024 * 1024
const maxGenerations = 100
const maxPageSize = 1000
const maxVersions = 100
/** The most parts of one record. */
const maxParts = 2 ** 20
/** The last millisecond of the year 9999, the limit of google.protobuf.Timestamp. */
const lastTime = 253_402_300_799_999
/** The most pseudonym keys that are live at once. */
const maxKeys = 16

function demand(holds: boolean, field: string, description: string): void {
  if (!holds) throw invalidField(field, description)
}

function exactly(bytes: Buffer, size: number, field: string): void {
  demand(bytes.length === size, field, `must be ${size} bytes`)
}

/** An empty id stands for the key id. */
function validatePartSetId(partSetId: Buffer, field: string): void {
  const { length } = partSetId
  demand(length === 0 || length === partSetIdBytes, field, `must be empty or ${partSetIdBytes} bytes`)
}

function between(size: number, [min, max]: [number, number], [field, what]: [string, string]): void {
  demand(size >= min && size <= max, field, `must be ${min} to ${max}${what}`)
}

function validateRecord(record: SealedRecord): void {
  const { recordId, entryBox, userUid } = record
  exactly(recordId, recordIdBytes, 'record.record_id')
  validateEnvelope(record)
  between(entryBox.length, [1, maxBoxBytes], ['record.entry_box', ' bytes'])
  exactly(userUid, userUidBytes, 'record.user_uid')
  validatePartSetId(record.partSetId, 'record.part_set_id')
  validateExpiry(record)
  demandUnset(record)
}

/** The envelope is whole, or only the header for a record in parts. */
function validateEnvelope({ envelope, partCount }: SealedRecord): void {
  between(partCount, [0, maxParts], ['record.part_count', ''])
  if (partCount > 0) exactly(envelope, envelopeHeaderBytes, 'record.envelope')
  else between(envelope.length, [minEnvelopeBytes, maxEnvelopeBytes], ['record.envelope', ' bytes'])
  demand(isEnvelopeV1(envelope), 'record.envelope', 'must be an envelope of version 1')
}

/**
 * write-rules.ts checks that the time is in the future: only there it is known whether a prior attempt has committed.
 */
function validateExpiry({ expireTime }: SealedRecord): void {
  if (expireTime === undefined) return
  const ms = expireTime.getTime() // NaN for seconds or nanoseconds out of range
  demand(ms > 0 && ms <= lastTime, 'record.expire_time', 'must be a time before the year 10000')
}

/** The client must not set the fields that the back end sets. */
function demandUnset({ version, storeTime, replacedKeyIds, lifeId, keptVersions, keepVersions }: SealedRecord): void {
  demand(version === 0n, 'record.version', 'must be unset')
  demand(storeTime === undefined, 'record.store_time', 'must be unset')
  demand(replacedKeyIds.length === 0, 'record.replaced_key_ids', 'must be unset')
  demand(lifeId.length === 0, 'record.life_id', 'must be unset')
  demand(keptVersions === 0, 'record.kept_versions', 'must be unset')
  demand(keepVersions === 0, 'record.keep_versions', 'must be unset')
}

function validateUser({ userPseudonym, userUid, generations }: UserDocument, record: SealedRecord): void {
  demand(userPseudonym.equals(userPseudonymOf(record.recordId)), 'new_user.user_pseudonym', 'must begin the record id')
  demand(userUid.equals(record.userUid), 'new_user.user_uid', 'must be that of the record')
  between(generations.length, [1, maxGenerations], ['new_user.generations', ''])
  let previous = 0
  for (const [at, { generation, wrappedKey, userBind }] of generations.entries()) {
    const field = `new_user.generations[${at}]`
    demand(generation > previous, `${field}.generation`, 'must ascend from 1')
    between(wrappedKey.length, [1, maxBoxBytes], [`${field}.wrapped_key`, ' bytes'])
    exactly(userBind, bindBytes, `${field}.user_bind`)
    previous = generation
  }
}

function validatePrecondition({ condition }: Precondition): void {
  if (condition === undefined) throw invalidField('precondition', 'must have a condition')
  if (condition.$case === 'absent') demand(condition.value, 'precondition.absent', 'must be true')
  else exactly(condition.value, keyIdBytes, 'precondition.key_id')
}

/** Validates a StoreEnvelope and returns its record. */
export function validateStore(request: StoreEnvelopeRequest): SealedRecord {
  const { record, newUser, precondition, keepVersions, defaultKeepVersions, keyringId, keyChecks } = request
  if (record === undefined) throw invalidField('record', 'must be set')
  validateRecord(record)
  if (newUser) validateUser(newUser, record)
  if (precondition) validatePrecondition(precondition)
  between(keepVersions, [0, maxVersions], ['keep_versions', ''])
  between(defaultKeepVersions, [0, maxVersions], ['default_keep_versions', ''])
  validateKeys({ keyringId, keyChecks }, maxKeys)
  return record
}

/** The checks are distinct by the name of their key. */
function validateKeys({ keyringId, keyChecks }: BindKeyringRequest, max: number): void {
  exactly(keyringId, keyringIdBytes, 'keyring_id')
  between(keyChecks.length, [0, max], ['key_checks', ''])
  for (const [at, check] of keyChecks.entries()) {
    demand(isKeyCheck(check), `key_checks[${at}]`, `must be ${keyCheckBytes} bytes of a known kind`)
    const isRepeated = keyChecks.some((other, before) => before < at && sameKeyName(other, check))
    demand(!isRepeated, 'key_checks', 'must be those of distinct keys')
  }
}

/** Validates a BindKeyring. */
export function validateBinding(request: BindKeyringRequest): void {
  validateKeys(request, maxKeyChecks)
}

/** Ids or pseudonyms, one for each live key; a duplicate would name the same row twice. */
function validatePerKey(ids: Buffer[], size: number, field: string): void {
  between(ids.length, [1, maxKeys], [field, ''])
  for (const [at, id] of ids.entries()) exactly(id, size, `${field}[${at}]`)
  demand(new Set(ids.map((id) => id.toString('latin1'))).size === ids.length, field, 'must be distinct')
}

/** Validates a RetrieveEnvelope. */
export function validateRetrieve({ recordIds }: RetrieveEnvelopeRequest): void {
  validatePerKey(recordIds, recordIdBytes, 'record_ids')
}

/** Validates a ListEnvelopeVersions. */
export function validateVersions({ recordIds }: ListEnvelopeVersionsRequest): void {
  validatePerKey(recordIds, recordIdBytes, 'record_ids')
}

/** Validates a DeleteEnvelope. */
export function validateDelete({ recordIds, expectKeyId }: DeleteEnvelopeRequest): void {
  validatePerKey(recordIds, recordIdBytes, 'record_ids')
  if (expectKeyId.length > 0) exactly(expectKeyId, keyIdBytes, 'expect_key_id')
}

/** Validates a ListEnvelopes. */
export function validateList({ userPseudonyms, pageSize, afterRecordId }: ListEnvelopesRequest): void {
  validatePerKey(userPseudonyms, pseudonymBytes, 'user_pseudonyms')
  between(pageSize, [1, maxPageSize], ['page_size', ''])
  if (afterRecordId.length === 0) return
  exactly(afterRecordId, recordIdBytes, 'after_record_id')
  const known = userPseudonyms.some((pseudonym) => pseudonym.equals(userPseudonymOf(afterRecordId)))
  demand(known, 'after_record_id', 'must begin with one of user_pseudonyms')
}

function validatePartName({ recordId, keyId, partSetId, partNumber }: RetrievePartRequest | StorePartRequest): void {
  exactly(recordId, recordIdBytes, 'record_id')
  exactly(keyId, keyIdBytes, 'key_id')
  validatePartSetId(partSetId, 'part_set_id')
  between(partNumber, [0, maxParts - 1], ['part_number', ''])
}

/** Validates a StorePart. */
export function validateStorePart(request: StorePartRequest): void {
  validatePartName(request)
  between(request.data.length, [1, maxPartBytes], ['data', ' bytes'])
}

/** Validates a RetrievePart. Any range is valid here; the store knows the size of the part. */
export function validateRetrievePart(request: RetrievePartRequest): void {
  validatePartName(request)
}
