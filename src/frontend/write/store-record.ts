// Stores a record that fits one message.
import { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { CallContext } from '../../core/methods.js'
import type { StoreRecordResponse } from '../../gen/encserver/v1/frontend.js'
import { type RecordSeal, sealWhole, startSeal } from '../crypto/record.js'
import type { UserKey } from '../crypto/user-key.js'
import { hashContents } from '../crypto/write-secret.js'
import type { Vault } from '../vault/vault.js'
import { commitRecord, maxCommitTries } from './commit-record.js'
import type { RecordWrite, WholeWrite } from './record-write.js'
import { digestOf } from './write-proof.js'

/** Seals and stores, each time under new keys; rejects with CONTENTION when the user's key keeps changing. */
export async function storeRecord(vault: Vault, write: WholeWrite, call: CallContext): Promise<StoreRecordResponse> {
  const { data } = write
  const writeDigest = digestOf(vault, write, { sizeBytes: data.length, hash: () => hashContents(data) })
  const content = { partCount: 0, partSetId: noBytes, sizeBytes: data.length, writeDigest }
  let liveKey: UserKey | undefined
  for (let tries = 1; tries <= maxCommitTries; tries += 1) {
    const seal = newSeal(vault, write)
    try {
      const sealed = { write, seal, envelope: sealWhole(seal, data), ...content, liveKey }
      const outcome = await commitRecord(vault, sealed, call)
      if (outcome.stored) return { recordKey: seal.token, keyId: seal.keyId, ...outcome.stored }
      liveKey = outcome.liveKey
    } finally {
      seal.close()
    }
  }
  throw new VaultError('CONTENTION')
}

/** Draws new keys for the record of a request, but for those that its caller brought; the caller closes the seal. */
export function newSeal({ keyring, random, write: format }: Vault, { request, mode, secret }: RecordWrite): RecordSeal {
  const { userId, recordName, callerAad } = request
  return startSeal({ realm: keyring.realm, userId, recordName, callerAad, mode, ...format }, random, secret)
}
