// The write that makes a sealed record visible. It takes one round trip: the entry is sealed under the user key seen last,
// and the back end writes only if that key is still the live one. Otherwise it answers with the live user document, from
// which the vault learns the key for the next attempt.
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type {
  SealedRecord,
  StoredEnvelope,
  StoreEnvelopeResponse,
  UserDocument,
} from '../../gen/encserver/v1/backend.js'
import type { StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import type { Mode } from '../crypto/envelope.js'
import type { RecordSeal } from '../crypto/record.js'
import type { UserKey } from '../crypto/user-key.js'
import type { User } from '../keys/user-key-source.js'
import type { UserKeys } from '../keys/user-keys.js'
import type { Vault } from '../vault/vault.js'

/** Attempts of one write while the user's key changes; after the last one the write fails with CONTENTION. */
export const maxCommitTries = 3

/** A checked request to write a record, and the place of the record. */
export interface RecordWrite {
  user: User
  recordId: Buffer
  mode: Mode
  request: StoreRecordRequest
}

/** A sealed record, not yet stored. */
export interface SealedWrite {
  write: RecordWrite
  seal: RecordSeal
  /** The header and all chunks; of a record in parts the header alone. */
  envelope: Buffer
  partCount: number
  sizeBytes: number
}

/** Makes one attempt to write the record; resolves to undefined, with nothing written, if the user's key has changed. */
export async function commitRecord(
  vault: Vault,
  sealed: SealedWrite,
  call: CallContext,
): Promise<StoredEnvelope | undefined> {
  const { user, request } = sealed.write
  const { userKey, newUser } = await vault.userKeys.sealingKey(user)
  const { result } = await vault.backend.storeEnvelope(
    {
      record: sealedRecord(sealed, userKey),
      newUser,
      precondition: request.precondition,
      keepVersions: request.keepVersions,
      defaultKeepVersions: vault.keepVersions,
      keyringId: vault.keyring.keyringId,
      triedMsAgo: 0, // the connection sets it when it repeats the call
    },
    call,
  )
  if (result?.$case === 'stored') {
    if (newUser) vault.userKeys.confirm(user, userKey)
    return result.value
  }
  await learnUserKey(vault, { user, userKey }, result)
  return undefined
}

function sealedRecord({ write, seal, envelope, partCount, sizeBytes }: SealedWrite, userKey: UserKey): SealedRecord {
  return {
    recordId: write.recordId,
    envelope,
    entryBox: seal.sealEntry(userKey),
    userUid: userKey.uid,
    partCount,
    partSetId: noBytes,
    sizeBytes: BigInt(sizeBytes),
    expireTime: write.request.expireTime,
    // The back end sets the rest.
    version: 0n,
    storeTime: undefined,
    replacedKeyIds: [],
    lifeId: noBytes,
    keptVersions: 0,
    keepVersions: 0,
  }
}

async function learnUserKey(
  { userKeys }: Vault,
  { user, userKey }: { user: User; userKey: UserKey },
  result: StoreEnvelopeResponse['result'],
): Promise<void> {
  if (result?.$case === 'currentUser') await openCurrentUser(userKeys, user, result.value)
  else if (result?.$case === 'userAbsent') userKeys.forget(user, userKey)
  else throw new VaultError('INTERNAL', { cause: 'the back end answered a store without a result' })
}

// The caller of a store sent no key, so a user document that does not open is the fault of the store.
async function openCurrentUser(userKeys: UserKeys, user: User, document: UserDocument): Promise<void> {
  try {
    await userKeys.open(user, document)
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'denied') throw new VaultError('RECORD_CORRUPT', { cause: error })
    throw error
  }
}
