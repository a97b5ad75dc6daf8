// Storing takes one round trip: the entry is sealed under the user key last seen, and the back end writes only if it is
// still the live one. Otherwise the back end answers with the live user, whose key is learnt for the next try.
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
import type { RecordSeal } from '../crypto/record.js'
import type { User } from '../keys/user-key-source.js'
import type { Sealing, UserKeys } from '../keys/user-keys.js'
import type { Vault } from '../vault/vault.js'

const maxTries = 3

/** A sealed record and where it goes. */
export interface Committing {
  user: User
  recordId: Buffer
  request: StoreRecordRequest
  seal: RecordSeal
  /** The header and all chunks; of a record in parts the header alone. */
  envelope: Buffer
  partCount: number
  sizeBytes: number
}

/** Writes the record; resolves to undefined, with nothing written, when the user has another key than was thought. */
export async function commitRecord(
  vault: Vault,
  committing: Committing,
  call: CallContext,
): Promise<StoredEnvelope | undefined> {
  const { user, request } = committing
  const sealing = await vault.userKeys.sealing(user)
  const { result } = await vault.backend.storeEnvelope(
    {
      record: sealedRecord(committing, sealing),
      newUser: sealing.newUser,
      precondition: request.precondition,
      keepVersions: request.keepVersions,
      defaultKeepVersions: vault.keepVersions,
      keyringId: vault.keyring.keyringId,
      triedMsAgo: 0, // its connection sets it
    },
    call,
  )
  if (result?.$case === 'stored') {
    if (sealing.newUser) vault.userKeys.confirm(user, sealing.userKey)
    return result.value
  }
  await learn(vault, { user, sealing }, result)
  return undefined
}

/** Tries until one try yields something; rejects with CONTENTION when the user's key keeps changing. */
export async function untilCommitted<T>(attempt: () => Promise<T | undefined>): Promise<T> {
  for (let made = 0; made < maxTries; made += 1) {
    const done = await attempt()
    if (done !== undefined) return done
  }
  throw new VaultError('CONTENTION')
}

function sealedRecord(committing: Committing, { userKey }: Sealing): SealedRecord {
  const { recordId, request, seal, envelope, partCount, sizeBytes } = committing
  return {
    recordId,
    envelope,
    entryBox: seal.sealEntry(userKey),
    userUid: userKey.uid,
    partCount,
    sizeBytes: BigInt(sizeBytes),
    expireTime: request.expireTime,
    // The back end's to set.
    version: 0n,
    storeTime: undefined,
    replacedKeyIds: [],
    lifeId: noBytes,
    keptVersions: 0,
    keepVersions: 0,
  }
}

async function learn(
  { userKeys }: Vault,
  { user, sealing }: { user: User; sealing: Sealing },
  result: StoreEnvelopeResponse['result'],
): Promise<void> {
  if (result?.$case === 'currentUser') await openCurrent(userKeys, user, result.value)
  else if (result?.$case === 'userAbsent') userKeys.forget(user, sealing.userKey)
  else throw new VaultError('INTERNAL', { cause: 'the back end answered a store with nothing' })
}

// The caller of a store brought no key: a user document that does not open is the store's fault, not the caller's.
async function openCurrent(userKeys: UserKeys, user: User, document: UserDocument): Promise<void> {
  try {
    await userKeys.open(user, document)
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'denied') throw new VaultError('RECORD_CORRUPT', { cause: error })
    throw error
  }
}
