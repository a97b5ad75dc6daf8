// Stores a record that fits one message.
import type { CallContext } from '../../core/methods.js'
import type { StoreRecordRequest, StoreRecordResponse } from '../../gen/encserver/v1/frontend.js'
import type { Mode } from '../crypto/envelope.js'
import { type RecordSeal, sealWhole, startSeal } from '../crypto/record.js'
import type { User } from '../keys/user-key-source.js'
import { encodeSealedAttributes } from '../vault/sealed-attributes.js'
import type { Vault } from '../vault/vault.js'
import { commitRecord, untilCommitted } from './commit-record.js'

/** A checked request and where its record lies. */
export interface Storing {
  user: User
  recordId: Buffer
  mode: Mode
  request: StoreRecordRequest
}

/** Seals and stores, under new keys for every try; rejects with CONTENTION when the user's key keeps changing. */
export function storeRecord(vault: Vault, storing: Storing, call: CallContext): Promise<StoreRecordResponse> {
  return untilCommitted(() => storeOnce(vault, storing, call))
}

async function storeOnce(vault: Vault, storing: Storing, call: CallContext): Promise<StoreRecordResponse | undefined> {
  const { user, recordId, request } = storing
  const { data } = request
  const seal = sealFor(vault, storing)
  try {
    const envelope = sealWhole(seal, data)
    const sealed = { user, recordId, request, seal, envelope, partCount: 0, sizeBytes: data.length }
    const stored = await commitRecord(vault, sealed, call)
    return stored && { recordKey: seal.token, keyId: seal.keyId, ...stored }
  } finally {
    seal.close()
  }
}

/** New keys for the record of a request; to be closed. */
export function sealFor({ keyring, random, write }: Vault, { request, mode }: Storing): RecordSeal {
  const { userId, recordName, callerAad } = request
  const attributes = encodeSealedAttributes(request)
  return startSeal({ realm: keyring.realm, userId, recordName, callerAad, attributes, mode, ...write }, random)
}
