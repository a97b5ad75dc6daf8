// Opens a stored record as far as a request may see it. The record and its user document come in one round trip, then keys
// and header are verified. Nothing that the back end sends is trusted before a key vouches for it. An absent record costs
// as much time as one that does not open. An expired record is absent, whether or not the back end knows that it expired.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { RecordInfo, RetrieveRecordRequest } from '../../gen/encserver/v1/frontend.js'
import type { SealedAttributes } from '../../gen/encserver/v1/sealed.js'
import { boxGeneration } from '../crypto/box.js'
import { dummyOpen, type OpenedHeader, openRecordHeader } from '../crypto/record.js'
import type { RecordKey } from '../crypto/token.js'
import type { UserKey } from '../crypto/user-key.js'
import type { RecordPlace } from '../keys/record-ids.js'
import type { User } from '../keys/user-key-source.js'
import { decodeSealedAttributes } from '../vault/sealed-attributes.js'
import { isExpired, type Vault } from '../vault/vault.js'

/** A checked request to read a record, and the place of the record. */
export interface RecordRead extends RecordPlace {
  token: RecordKey | undefined
  request: RetrieveRecordRequest
}

/** A record whose keys and header are verified. */
export interface StoredRecord {
  sealed: SealedRecord
  /** The caller wipes the key of its cipher. */
  opened: OpenedHeader
  /** The sealed attributes and expiry. */
  attributes: SealedAttributes
}

/**
 * Rejects with RECORD_NOT_FOUND, RECORD_KEY_MISMATCH, PRECONDITION_FAILED or RECORD_CORRUPT. Their messages are constant,
 * so that they tell nothing about the record.
 */
export async function openStoredRecord(vault: Vault, read: RecordRead, call: CallContext): Promise<StoredRecord> {
  const { token, request, recordIds } = read
  const { keyring, readSuites, backend } = vault
  const { userId, recordName, callerAad } = request
  const identity = { realm: keyring.realm, userId, recordName, callerAad, token, readSuites }
  const { record: sealed, user: document } = await backend.retrieveEnvelope(
    { recordIds, version: request.version },
    call,
  )
  if (sealed === undefined || document === undefined || !hasRequestedVersion(sealed, request)) {
    dummyOpen(identity)
    throw new VaultError('RECORD_NOT_FOUND')
  }
  const { envelope, entryBox } = sealed
  const userKey = await findUserKey(vault, read, { sealed, document })
  const opened = openRecordHeader({ userKey, envelope, entryBox, ...identity })
  try {
    return { sealed, opened, attributes: checkedAttributes(vault, request, opened) }
  } catch (error) {
    opened.cipher.key.fill(0)
    throw error
  }
}

/**
 * The answer's description of an opened record. `size` must be verified; version and time are unverified claims of the
 * back end.
 */
export function recordInfo({ request }: RecordRead, record: StoredRecord, size: number): RecordInfo {
  const { sealed, opened, attributes } = record
  const { version, storeTime } = sealed
  const { keyId, mode } = opened
  const sizeBytes = BigInt(size)
  const { recordName } = request
  const described = { expireTime: attributes.expireTime, attributes: attributes.attributes }
  return { recordName, version, keyId, keyMode: mode, sizeBytes, storeTime, ...described }
}

/** The version number is an unverified claim of the back end, but it must at least be the requested one. */
function hasRequestedVersion({ version }: SealedRecord, request: RetrieveRecordRequest): boolean {
  return request.version === 0n || request.version === version
}

/** The attributes of a record that has not expired and has the expected key id; throws otherwise. */
function checkedAttributes(vault: Vault, { expectKeyId }: RetrieveRecordRequest, opened: OpenedHeader) {
  const attributes = decodeSealedAttributes(opened.attributes, opened.commitment)
  if (isExpired(vault, attributes)) throw new VaultError('RECORD_NOT_FOUND')
  if (expectKeyId.length > 0 && !expectKeyId.equals(opened.keyId)) throw new VaultError('PRECONDITION_FAILED')
  return attributes
}

/** The key that sealed the entry; undefined if the document does not yield it, and then the record is refused later. */
export async function findUserKey(
  { userKeys }: Vault,
  { user }: { user: User },
  { sealed, document }: { sealed: SealedRecord; document: UserDocument },
): Promise<UserKey | undefined> {
  const generation = boxGeneration(sealed.entryBox)
  if (generation === undefined) return undefined
  try {
    return await userKeys.open(user, document, generation)
  } catch (error) {
    if (error instanceof VaultError && ['denied', 'corrupt'].includes(error.kind)) return undefined
    throw error
  }
}
