// A stored record as far as a request may see it: fetched with its user document in one round trip, its keys and header
// verified. Nothing the back end says is believed before a key vouches for it, and an absent record costs what one costs
// that does not open. What has expired is absent, whether the back end knows that or not.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { SealedRecord, UserDocument } from '../../gen/encserver/v1/backend.js'
import type { RecordInfo, RetrieveRecordRequest } from '../../gen/encserver/v1/frontend.js'
import type { SealedAttributes } from '../../gen/encserver/v1/sealed.js'
import { boxGeneration } from '../crypto/box.js'
import { dummyOpen, type OpenedHeader, openRecordHeader } from '../crypto/record.js'
import type { RecordKey } from '../crypto/token.js'
import type { UserKey } from '../crypto/user-key.js'
import type { User } from '../keys/user-key-source.js'
import { decodeSealedAttributes } from '../vault/sealed-attributes.js'
import { isExpired, type Vault } from '../vault/vault.js'

/** A checked request and where its record lies. */
export interface Retrieving {
  user: User
  recordIds: Buffer[]
  token: RecordKey | undefined
  request: RetrieveRecordRequest
}

export interface StoredRecord {
  sealed: SealedRecord
  /** The key of its cipher is for the caller to wipe. */
  opened: OpenedHeader
  /** Its expiry and what its caller said of it, as sealed. */
  said: SealedAttributes
}

/** Rejects with RECORD_NOT_FOUND, RECORD_KEY_MISMATCH, PRECONDITION_FAILED or RECORD_CORRUPT, in constant words. */
export async function openStoredRecord(vault: Vault, retrieving: Retrieving, call: CallContext): Promise<StoredRecord> {
  const { token, request, recordIds } = retrieving
  const { keyring, readSuites, backend } = vault
  const { userId, recordName, callerAad } = request
  const identity = { realm: keyring.realm, userId, recordName, callerAad, token, readSuites }
  const { record: sealed, user: document } = await backend.retrieveEnvelope(
    { recordIds, version: request.version },
    call,
  )
  if (sealed === undefined || document === undefined || !isVersion(sealed, request)) {
    dummyOpen(identity)
    throw new VaultError('RECORD_NOT_FOUND')
  }
  const { envelope, entryBox } = sealed
  const userKey = await userKeyOf(vault, retrieving, { sealed, document })
  const opened = openRecordHeader({ userKey, envelope, entryBox, ...identity })
  try {
    return { sealed, opened, said: accepted(vault, request, opened) }
  } catch (error) {
    opened.cipher.key.fill(0)
    throw error
  }
}

/** The answer's description of an opened record. `size` must be verified; version and time are the back end's word. */
export function recordInfo({ request }: Retrieving, { sealed, opened, said }: StoredRecord, size: number): RecordInfo {
  const { version, storeTime } = sealed
  const { keyId, mode } = opened
  return { recordName: request.recordName, version, keyId, keyMode: mode, sizeBytes: BigInt(size), storeTime, ...said }
}

/** The number is the back end's word, but at least it must be the one asked for. */
function isVersion({ version }: SealedRecord, { version: asked }: RetrieveRecordRequest): boolean {
  return asked === 0n || asked === version
}

function accepted(vault: Vault, { expectKeyId }: RetrieveRecordRequest, { keyId, attributes }: OpenedHeader) {
  const said = decodeSealedAttributes(attributes)
  if (isExpired(vault, said)) throw new VaultError('RECORD_NOT_FOUND')
  if (expectKeyId.length > 0 && !expectKeyId.equals(keyId)) throw new VaultError('PRECONDITION_FAILED')
  return said
}

/** The key the entry was sealed under; undefined when it is not to be had, which then refuses. */
async function userKeyOf(
  { userKeys }: Vault,
  { user }: Retrieving,
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
