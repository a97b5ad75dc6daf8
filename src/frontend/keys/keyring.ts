// The keyring: pseudonym keys by kid, key-encryption keys by version, and the id and realm of the vault. On disk it is JSON
// with the keys in base64. No error of this file quotes a part of it.
import { invalidField, VaultError } from '../../core/errors.js'
import { type HmacKey, takeKey } from '../crypto/hmac.js'
import type { RandomSource } from '../crypto/random.js'

/** `active` writes and reads, `read` only reads. */
export type KeyState = 'active' | 'read'

/** A key that turns ids into pseudonyms. */
export interface PseudonymKey {
  kid: number
  state: KeyState
  key: HmacKey
}

/** A key that wraps user keys. */
export interface KeyEncryptionKey {
  version: number
  state: KeyState
  key: HmacKey
}

/** The root keys of one vault. */
export interface Keyring {
  /** 16 bytes; the store is bound to it. */
  keyringId: Buffer
  realm: string
  /** The active key first, then the `read` keys, newest first. */
  pseudonymKeys: [PseudonymKey, ...PseudonymKey[]]
  /** The active key first. */
  keyEncryptionKeys: KeyEncryptionKey[]
}

interface KeyEntry {
  number: number
  state: KeyState
  key: string
}

/** The file's content. */
interface KeyringFile {
  format: 1
  keyring_id: string
  realm: string
  pseudonym_keys: KeyEntry[]
  key_encryption_keys: KeyEntry[]
}

const keyBytes = 32
const maxRealmBytes = 128

/** A realm is part of every context, so an invalid one would make every call fail. */
function isRealm(value: unknown): value is string {
  if (typeof value !== 'string' || !value.isWellFormed()) return false
  return value !== '' && Buffer.byteLength(value) <= maxRealmBytes
}

/** The text of a new keyring, with one key of each kind; throws INVALID_REQUEST for an invalid realm. */
export function newKeyringText(realm: string, random: RandomSource): string {
  if (!isRealm(realm)) throw invalidField('frontend.realm', `must be 1 to ${maxRealmBytes} bytes of text`)
  const first = (): KeyEntry => ({
    number: 1,
    state: 'active',
    key: random.fill(Buffer.alloc(keyBytes)).toString('base64'),
  })
  const file: KeyringFile = {
    format: 1,
    keyring_id: random.fill(Buffer.alloc(16)).toString('hex'),
    realm,
    pseudonym_keys: [first()],
    key_encryption_keys: [first()],
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

function broken(what: string): VaultError {
  const message = `the keyring is damaged: ${what}; restore it from its backup`
  return new VaultError('INVALID_REQUEST', {
    message,
    fields: [{ field: 'frontend.keyringFile', description: message }],
  })
}

// JSON.parse quotes the text in its message: its error must not leave this function, not even as a cause.
function parseJson(text: string): Partial<KeyringFile> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw broken('it is not JSON')
  }
  if (typeof parsed !== 'object' || parsed === null) throw broken('it is not an object')
  return parsed
}

interface NumberedKey {
  number: number
  state: KeyState
  key: HmacKey
}

function keyOf(entry: KeyEntry, name: string): NumberedKey {
  const { number, state, key } = entry
  if (!Number.isInteger(number) || number < 1 || number > 0xffff_ffff) throw broken(`${name} has no valid number`)
  if (state !== 'active' && state !== 'read') throw broken(`${name} ${number} has an unknown state`)
  const bytes = Buffer.from(typeof key === 'string' ? key : '', 'base64')
  if (bytes.length !== keyBytes || bytes.toString('base64') !== key) throw broken(`${name} ${number} is not a key`)
  return { number, state, key: takeKey(bytes) }
}

/** The active key first, then the others, newest first. */
function keysOf(entries: KeyEntry[] | undefined, name: string): [NumberedKey, ...NumberedKey[]] {
  if (!Array.isArray(entries)) throw broken(`${name} is missing`)
  const keys = entries.map((entry) => keyOf(entry ?? {}, name))
  if (new Set(keys.map(({ number }) => number)).size !== keys.length) throw broken(`${name} repeats a number`)
  const [active, second] = keys.filter(({ state }) => state === 'active')
  if (active === undefined || second !== undefined) throw broken(`${name} must have one active key`)
  const older = keys.filter((key) => key !== active)
  return [active, ...older.sort((a, b) => b.number - a.number)]
}

// Nothing moves a user's rows from one key to the next yet: a store under a new key would hide all older records.
function severalPseudonymKeys(): VaultError {
  const message = 'the keyring has more than one pseudonym key, and this version cannot move records between them'
  return new VaultError('INVALID_REQUEST', { message })
}

/** Parses a keyring; throws INVALID_REQUEST that names the fault and quotes nothing. */
export function parseKeyring(text: string): Keyring {
  const file = parseJson(text)
  if (file.format !== 1) throw broken('its format is not known to this version')
  const { keyring_id: keyringId, realm } = file
  if (typeof keyringId !== 'string' || !/^[0-9a-f]{32}$/.test(keyringId)) {
    throw broken('keyring_id is not 32 hex digits')
  }
  if (!isRealm(realm)) throw broken(`realm is not 1 to ${maxRealmBytes} bytes of text`)
  const [{ number: kid, ...active }, ...older] = keysOf(file.pseudonym_keys, 'pseudonym_keys')
  if (older.length > 0) throw severalPseudonymKeys()
  return {
    keyringId: Buffer.from(keyringId, 'hex'),
    realm,
    pseudonymKeys: [{ kid, ...active }],
    keyEncryptionKeys: keysOf(file.key_encryption_keys, 'key_encryption_keys').map(({ number, ...rest }) => ({
      version: number,
      ...rest,
    })),
  }
}
