// A retrieve is one round trip: record and user document come together. Nothing the back end says is believed before a
// key vouches for it, and an absent record costs what one costs that does not open.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { SealedRecord, UserDocument } from '../gen/encserver/v1/backend.js'
import type { RetrieveRecordRequest, RetrieveRecordResponse } from '../gen/encserver/v1/frontend.js'
import { boxGeneration } from './crypto/box.js'
import { modes } from './crypto/envelope.js'
import { dummyOpen, openRecord } from './crypto/record.js'
import type { RecordKey } from './crypto/token.js'
import type { UserKey } from './crypto/user-key.js'
import type { User } from './user-key-source.js'
import type { Vault } from './vault.js'

/** A checked request and where its record lies. */
export interface Retrieving {
  user: User
  recordIds: Buffer[]
  token: RecordKey | undefined
  request: RetrieveRecordRequest
}

/** Rejects with RECORD_NOT_FOUND, RECORD_KEY_MISMATCH, PRECONDITION_FAILED or RECORD_CORRUPT, in constant words. */
export async function retrieveRecord(
  vault: Vault,
  retrieving: Retrieving,
  call: CallContext,
): Promise<RetrieveRecordResponse> {
  const { token, request, recordIds } = retrieving
  const { keyring, readSuites, backend } = vault
  const { userId, recordName, callerAad } = request
  const identity = { realm: keyring.realm, userId, recordName, callerAad, token, readSuites }
  const { record, user: document } = await backend.retrieveEnvelope({ recordIds }, call)
  if (record === undefined || document === undefined) {
    dummyOpen(identity)
    throw new VaultError('RECORD_NOT_FOUND')
  }
  const { envelope, entryBox } = record
  const userKey = await userKeyOf(vault, retrieving, { record, document })
  const { data, keyId, mode } = openRecord({ ...identity, userKey, envelope, entryBox })
  if (request.expectKeyId.length > 0 && !request.expectKeyId.equals(keyId)) throw new VaultError('PRECONDITION_FAILED')
  const { version, storeTime } = record
  return { data, record: { recordName, version, keyId, keyMode: mode, sizeBytes: BigInt(data.length), storeTime } }
}

/** The key the entry was sealed under; undefined when it is not needed or not to be had, which then refuses. */
async function userKeyOf(
  { userKeys }: Vault,
  { user, token }: Retrieving,
  { record, document }: { record: SealedRecord; document: UserDocument },
): Promise<UserKey | undefined> {
  const generation = boxGeneration(record.entryBox)
  if (token?.mode === modes.client || generation === undefined) return undefined
  try {
    return await userKeys.open(user, document, generation)
  } catch (error) {
    if (error instanceof VaultError && ['denied', 'corrupt'].includes(error.kind)) return undefined
    throw error
  }
}
