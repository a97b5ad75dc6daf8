// Storing takes one round trip: the record is sealed under the user key last seen, and the back end writes only if it is
// still the live one. Otherwise the back end answers with the live user, and the record is sealed again.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { StoreEnvelopeResponse, UserDocument } from '../gen/encserver/v1/backend.js'
import type { StoreRecordRequest, StoreRecordResponse } from '../gen/encserver/v1/frontend.js'
import type { Mode } from './crypto/envelope.js'
import { sealRecord } from './crypto/record.js'
import type { User } from './user-key-source.js'
import type { Sealing, UserKeys } from './user-keys.js'
import type { Vault } from './vault.js'

const maxTries = 3

/** A checked request and where its record lies. */
export interface Storing {
  user: User
  recordId: Buffer
  mode: Mode
  request: StoreRecordRequest
}

/** Seals and stores; rejects with CONTENTION when the user's key keeps changing. */
export async function storeRecord(vault: Vault, storing: Storing, call: CallContext): Promise<StoreRecordResponse> {
  const { user } = storing
  for (let made = 0; made < maxTries; made += 1) {
    const sealing = await vault.userKeys.sealing(user)
    const sealed = seal(vault, storing, sealing)
    const { result } = await send(vault, { ...storing, sealing, sealed }, call)
    if (result?.$case === 'stored') {
      vault.userKeys.confirm(user, sealing.userKey)
      const { version, storeTime } = result.value
      return { recordKey: sealed.token, version, keyId: sealed.keyId, storeTime }
    }
    await learn(vault, { user, sealing }, result)
  }
  throw new VaultError('CONTENTION')
}

type Sealed = ReturnType<typeof sealRecord>

function seal({ keyring, random, write }: Vault, { request, mode }: Storing, { userKey }: Sealing): Sealed {
  const { userId, recordName, callerAad, data } = request
  return sealRecord({ realm: keyring.realm, userId, recordName, callerAad, data, mode, userKey, ...write }, random)
}

function send(
  { backend, keyring }: Vault,
  { recordId, request, sealing, sealed }: Storing & { sealing: Sealing; sealed: Sealed },
  call: CallContext,
): Promise<StoreEnvelopeResponse> {
  const { envelope, entryBox } = sealed
  const sizeBytes = BigInt(request.data.length)
  const userUid = sealing.userKey.uid
  const record = {
    recordId,
    envelope,
    entryBox,
    userUid,
    sizeBytes,
    version: 0n,
    storeTime: undefined,
    replacedKeyIds: [],
  }
  const { precondition } = request
  return backend.storeEnvelope({ record, newUser: sealing.newUser, precondition, keyringId: keyring.keyringId }, call)
}

async function learn(
  { userKeys }: Vault,
  { user, sealing }: { user: User; sealing: Sealing },
  result: StoreEnvelopeResponse['result'],
): Promise<void> {
  if (result?.$case === 'currentUser') await openStored(userKeys, user, result.value)
  else if (result?.$case === 'userAbsent') userKeys.forget(user, sealing.userKey)
  else throw new VaultError('INTERNAL', { cause: 'the back end answered a store with nothing' })
}

// The caller of a store brought no key: a user document that does not open is the store's fault, not the caller's.
async function openStored(userKeys: UserKeys, user: User, document: UserDocument): Promise<void> {
  try {
    await userKeys.open(user, document)
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'denied') throw new VaultError('RECORD_CORRUPT', { cause: error })
    throw error
  }
}
