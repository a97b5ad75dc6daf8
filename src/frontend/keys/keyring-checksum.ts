// The checksums of a keyring file: one for each key, and one for the whole content. They find accidents, such as a changed
// character, and name the key; files of earlier versions have none. A check of the store finds a wrong key in any file.
import { invalidField, type VaultError } from '../../core/errors.js'
import { checksumOf } from '../crypto/checksum.js'
import type { RandomSource } from '../crypto/random.js'
import {
  isRealm,
  type KeyEntry,
  type KeyListName,
  type KeyringFile,
  keyBytes,
  keyLists,
  maxRealmBytes,
  refused,
} from './keyring-text.js'

/** The text of a new keyring, with one key of each kind; throws INVALID_REQUEST for an invalid realm. */
export function newKeyringText(realm: string, random: RandomSource): string {
  if (!isRealm(realm)) throw invalidField('frontend.realm', `must be 1 to ${maxRealmBytes} bytes of text`)
  const first = (): KeyEntry => ({
    number: 1,
    state: 'active',
    key: random.fill(Buffer.alloc(keyBytes)).toString('base64'),
  })
  const keyringId = random.fill(Buffer.alloc(16)).toString('hex')
  const keys = { pseudonym_keys: [first()], key_encryption_keys: [first()] }
  return textOf({ format: 1, keyring_id: keyringId, realm, ...keys })
}

/** The text of a keyring file with new checksums. */
export function textOf(file: KeyringFile): string {
  const withChecksum = (list: KeyListName) => file[list].map((key) => ({ ...key, checksum: keyChecksum(list, key) }))
  const keys = Object.fromEntries(keyLists.map((list) => [list, withChecksum(list)]))
  return `${JSON.stringify({ ...file, ...keys, checksum: fileChecksum(file) }, null, 2)}\n`
}

/** True if the file has its checksums, false for a file of an earlier version. Throws INVALID_REQUEST if one differs. */
export function hasChecksums(file: KeyringFile): boolean {
  const entries = keyLists.flatMap((list) => file[list].map((entry) => ({ list, entry })))
  if (file.checksum === undefined && entries.every(({ entry }) => entry.checksum === undefined)) return false
  const changed = entries.filter(({ list, entry }) => entry.checksum !== keyChecksum(list, entry))
  if (changed.length > 0) throw changedFile(changed.map(({ list, entry }) => `${list} ${entry.number}`).join(', '))
  if (file.checksum !== fileChecksum(file)) throw changedFile('its realm, keyring_id, checksum or list of keys')
  return true
}

function keyChecksum(list: KeyListName, { number, state, key }: KeyEntry): string {
  return checksumOf(JSON.stringify([list, number, state, key]))
}

function fileChecksum(file: KeyringFile): string {
  const lists = keyLists.map((list) => file[list].map(({ number, state, key }) => [number, state, key]))
  return checksumOf(JSON.stringify([file.format, file.keyring_id, file.realm, ...lists]))
}

function changedFile(what: string): VaultError {
  const edited = 'after an edit on purpose, run `enc-server keyring verify --write-checksum`'
  return refused(`does not match its checksum (changed: ${what}): restore it from its backup, or, ${edited}`)
}
