// The answer to a write whose key id the store knows already (crypto.md section 6 f). The stored version is this write only
// if the caller's secret opens its entry and header and its write digest is that of this request. Nothing was written.
import { VaultError } from '../../core/errors.js'
import type { KnownEnvelope, SealedRecord, StoredEnvelope, UserDocument } from '../../gen/encserver/v1/backend.js'
import { macEquals } from '../crypto/hmac.js'
import { openRecordHeader } from '../crypto/record.js'
import type { WriteSecret } from '../crypto/write-secret.js'
import { findUserKey } from '../read/open-record.js'
import { decodeSealedAttributes } from '../vault/sealed-attributes.js'
import type { Vault } from '../vault/vault.js'
import type { SealedWrite } from './record-write.js'

/**
 * The first answer of this write. Rejects with RECORD_REPLACED if another write has replaced it, with RECORD_KEY_MISMATCH if
 * the caller's secret does not open the stored version, and with TOKEN_REUSED if that version has other contents, attributes
 * or expiry.
 */
export async function answerKnown(vault: Vault, sealed: SealedWrite, known: KnownEnvelope): Promise<StoredEnvelope> {
  const { secret } = sealed.write
  const { record, user, stored } = known
  if (stored === undefined) throw unexpected('a known write without its version')
  if (secret === undefined) return answerOwn(sealed, { record, stored })
  if (record === undefined) throw new VaultError('RECORD_REPLACED')
  if (user === undefined) throw unexpected('a known write without its user')
  const written = await openWritten(vault, { sealed, secret }, { record, user })
  if (!macEquals(written, sealed.writeDigest)) throw new VaultError('TOKEN_REUSED')
  return stored
}

/** For a key id that this call drew: only an attempt of this call can have it, so the stored version is this write. */
function answerOwn(
  { seal }: SealedWrite,
  { record, stored }: { record: SealedRecord | undefined; stored: StoredEnvelope },
): StoredEnvelope {
  if (record === undefined || record.envelope.equals(seal.header)) return stored
  throw unexpected('another envelope under a key id that was drawn for this call')
}

/** The write digest of the stored version, which is opened at the cost of a retrieve; its contents stay sealed. */
async function openWritten(
  vault: Vault,
  { sealed: { write }, secret }: { sealed: SealedWrite; secret: WriteSecret },
  stored: { record: SealedRecord; user: UserDocument },
): Promise<Buffer> {
  const { user, request } = write
  const { userId, recordName, callerAad } = request
  const { envelope, entryBox } = stored.record
  const userKey = await findUserKey(vault, { user }, { sealed: stored.record, document: stored.user })
  const { token, keyId } = secret
  const identity = { realm: vault.keyring.realm, userId, recordName, callerAad }
  const opened = openRecordHeader({
    ...identity,
    userKey,
    token,
    keyId,
    envelope,
    entryBox,
    readSuites: vault.readSuites,
  })
  opened.cipher.key.fill(0)
  return decodeSealedAttributes(opened.attributes, opened.commitment).writeDigest
}

function unexpected(what: string): VaultError {
  return new VaultError('INTERNAL', { cause: `the back end answered a store with ${what}` })
}
