// The keyring: pseudonym keys by kid, key-encryption keys by version, and the id and realm of the vault.
import { VaultError } from '../../core/errors.js'
import { type KeyKind, keyKinds } from '../../core/key-check.js'
import { type HmacKey, takeKey } from '../crypto/hmac.js'
import { keyCheck } from '../crypto/key-check.js'
import type { KeyringIdentity } from '../upstream/store-check.js'
import { hasChecksums } from './keyring-checksum.js'
import { type KeyEntry, type KeyState, parseKeyringText } from './keyring-text.js'

interface Key {
  state: KeyState
  key: HmacKey
  /** The key's check, 37 bytes, to which a store is bound. */
  check: Buffer
}

/** A key that turns ids into pseudonyms. */
export interface PseudonymKey extends Key {
  kid: number
}

/** A key that wraps user keys. */
export interface KeyEncryptionKey extends Key {
  version: number
}

/** The root keys of one vault. */
export interface Keyring {
  /** 16 bytes; the store is bound to it. */
  keyringId: Buffer
  realm: string
  /** The active key first, then the `read` keys, newest first. */
  pseudonymKeys: [PseudonymKey, ...PseudonymKey[]]
  /** The active key first. */
  keyEncryptionKeys: [KeyEncryptionKey, ...KeyEncryptionKey[]]
  /** False for a file of an earlier version, in which a changed character may go unnoticed. */
  hasChecksum: boolean
}

type NumberedKey = Key & { number: number }

/** The active key first, then the others, newest first. */
function keysOf(entries: KeyEntry[], kind: KeyKind): [NumberedKey, ...NumberedKey[]] {
  const ordered = entries.toSorted(
    (a, b) => Number(b.state === 'active') - Number(a.state === 'active') || b.number - a.number,
  )
  return ordered.map(({ number, state, key: text }) => {
    const key = takeKey(Buffer.from(text, 'base64'))
    return { number, state, key, check: keyCheck(key, kind, number) }
  }) as [NumberedKey, ...NumberedKey[]]
}

// Nothing moves a user's rows from one key to the next yet: a store under a new key would hide all older records.
function severalPseudonymKeys(): VaultError {
  const message = 'the keyring has more than one pseudonym key, and this version cannot move records between them'
  return new VaultError('INVALID_REQUEST', { message })
}

/** Parses a keyring; throws INVALID_REQUEST that names the fault and quotes nothing. */
export function parseKeyring(text: string): Keyring {
  const file = parseKeyringText(text)
  const hasChecksum = hasChecksums(file)
  if (file.pseudonym_keys.length > 1) throw severalPseudonymKeys()
  const [{ number: kid, ...pseudonymKey }] = keysOf(file.pseudonym_keys, keyKinds.pseudonym)
  const keyEncryptionKeys = keysOf(file.key_encryption_keys, keyKinds.keyEncryption).map(({ number, ...rest }) => ({
    version: number,
    ...rest,
  }))
  return {
    keyringId: Buffer.from(file.keyring_id, 'hex'),
    realm: file.realm,
    pseudonymKeys: [{ kid, ...pseudonymKey }],
    keyEncryptionKeys: keyEncryptionKeys as Keyring['keyEncryptionKeys'],
    hasChecksum,
  }
}

/** The identity to which a store is bound: the id, and the checks of all keys. */
export function identityOf({ keyringId, pseudonymKeys, keyEncryptionKeys }: Keyring): KeyringIdentity {
  return { keyringId, keyChecks: [...pseudonymKeys, ...keyEncryptionKeys].map(({ check }) => check) }
}

/** The checks of the keys under which new data is written: the active key of each kind. */
export function activeKeyChecks({ pseudonymKeys, keyEncryptionKeys }: Keyring): Buffer[] {
  return [pseudonymKeys[0].check, keyEncryptionKeys[0].check]
}
