// Stores a record that fits one message.
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type { StoreRecordResponse } from '../../gen/encserver/v1/frontend.js'
import { type RecordSeal, sealWhole, startSeal } from '../crypto/record.js'
import { encodeSealedAttributes } from '../vault/sealed-attributes.js'
import type { Vault } from '../vault/vault.js'
import { commitRecord, maxCommitTries, type RecordWrite } from './commit-record.js'

/** Seals and stores, each time under new keys; rejects with CONTENTION when the user's key keeps changing. */
export async function storeRecord(vault: Vault, write: RecordWrite, call: CallContext): Promise<StoreRecordResponse> {
  const { data } = write.request
  for (let tries = 1; tries <= maxCommitTries; tries += 1) {
    const seal = newSeal(vault, write)
    try {
      const sealed = { write, seal, envelope: sealWhole(seal, data), partCount: 0, sizeBytes: data.length }
      const stored = await commitRecord(vault, sealed, call)
      if (stored) return { recordKey: seal.token, keyId: seal.keyId, ...stored }
    } finally {
      seal.close()
    }
  }
  throw new VaultError('CONTENTION')
}

/** Draws new keys for the record of a request; the caller closes the seal. */
export function newSeal({ keyring, random, write: format }: Vault, { request, mode }: RecordWrite): RecordSeal {
  const { userId, recordName, callerAad } = request
  const attributes = encodeSealedAttributes({ ...request, writeDigest: noBytes })
  return startSeal({ realm: keyring.realm, userId, recordName, callerAad, attributes, mode, ...format }, random)
}
