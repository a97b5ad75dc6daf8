// The write that makes a sealed record visible. It takes one round trip: the entry is sealed under the user key seen last,
// and the back end writes only if that key is still the live one. Otherwise it answers with the live user document, whose
// key seals the next attempt.

import { maxTriedMsAgo, msSince } from '../../core/client/retry.js'
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type {
  SealedRecord,
  StoredEnvelope,
  StoreEnvelopeResponse,
  UserDocument,
} from '../../gen/encserver/v1/backend.js'
import type { UserKey } from '../crypto/user-key.js'
import type { User } from '../keys/user-key-source.js'
import type { UserKeys } from '../keys/user-keys.js'
import { encodeSealedAttributes } from '../vault/sealed-attributes.js'
import type { Vault } from '../vault/vault.js'
import { answerKnown } from './known-write.js'
import type { RecordWrite, SealedWrite } from './record-write.js'
import { proofOf } from './write-proof.js'

/** Attempts of one write while the user's key changes; after the last one the write fails with CONTENTION. */
export const maxCommitTries = 3

/** The outcome of an attempt. Nothing was written if the user's key has changed. */
export interface CommitOutcome {
  stored: StoredEnvelope | undefined
  /**
   * The key for the next attempt, which must begin in this turn of the event loop: later, a small cache may have wiped it.
   * Undefined if the store has no such user.
   */
  liveKey: UserKey | undefined
}

/**
 * Makes one attempt to write the record, under the `liveKey` of the attempt before it if there is one. Rejects as `answerKnown`
 * does if the store knows the key id.
 */
export async function commitRecord(
  vault: Vault,
  { liveKey, ...sealed }: SealedWrite & { liveKey: UserKey | undefined },
  call: CallContext,
): Promise<CommitOutcome> {
  const { user, request } = sealed.write
  const { userKey, newUser } = liveKey
    ? { userKey: liveKey, newUser: undefined }
    : await vault.userKeys.sealingKey(user)
  const { result } = await vault.backend.storeEnvelope(
    {
      record: sealedRecord(sealed, userKey),
      newUser,
      precondition: request.precondition,
      keepVersions: request.keepVersions,
      defaultKeepVersions: vault.keepVersions,
      keyringId: vault.keyring.keyringId,
      keyChecks: vault.keyChecks,
      triedMsAgo: ageOf(sealed.write), // the connection raises it when it repeats the call
    },
    call,
  )
  if (result?.$case === 'stored') {
    if (newUser) vault.userKeys.confirm(user, userKey)
    return { stored: result.value, liveKey: undefined }
  }
  if (result?.$case === 'known') return { stored: await answerKnown(vault, sealed, result.value), liveKey: undefined }
  return { stored: undefined, liveKey: await liveUserKey(vault, { user, userKey }, result) }
}

/** The age of the first attempt in milliseconds, which may have travelled longer than the caller knows; 0 without one. */
function ageOf({ triedSince }: RecordWrite): number {
  return triedSince === undefined ? 0 : Math.min(msSince(triedSince), maxTriedMsAgo)
}

function sealedRecord(sealed: SealedWrite, userKey: UserKey): SealedRecord {
  const { write, seal, envelope, partCount, partSetId, sizeBytes } = sealed
  return {
    recordId: write.recordId,
    envelope,
    entryBox: seal.sealEntry(userKey, encodeSealedAttributes(write.request, proofOf(sealed))),
    userUid: userKey.uid,
    partCount,
    partSetId,
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

async function liveUserKey(
  { userKeys }: Vault,
  { user, userKey }: { user: User; userKey: UserKey },
  result: StoreEnvelopeResponse['result'],
): Promise<UserKey | undefined> {
  if (result?.$case === 'currentUser') return openCurrentUser(userKeys, user, result.value)
  if (result?.$case !== 'userAbsent') {
    throw new VaultError('INTERNAL', { cause: 'the back end answered a store without a result' })
  }
  userKeys.forget(user, userKey)
  return undefined
}

// The caller of a store sent no key, so a user document that does not open is the fault of the store.
async function openCurrentUser(userKeys: UserKeys, user: User, document: UserDocument): Promise<UserKey> {
  try {
    return await userKeys.open(user, document)
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'denied') throw new VaultError('RECORD_CORRUPT', { cause: error })
    throw error
  }
}
