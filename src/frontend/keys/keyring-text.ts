// The text of a keyring file: JSON with the keys in base64. It is parsed strictly, because a misspelled name must not pass for an
// absent field. No error of this file quotes a part of it.
import { VaultError } from '../../core/errors.js'

/** `active` writes and reads, `read` only reads. */
export type KeyState = 'active' | 'read'

/** A key in the file. */
export interface KeyEntry {
  number: number
  state: KeyState
  /** 32 bytes in base64. */
  key: string
  checksum?: string
}

/** The lists of keys in the file. */
export const keyLists = ['pseudonym_keys', 'key_encryption_keys'] as const

/** The name of a list of keys. */
export type KeyListName = (typeof keyLists)[number]

/** The content of the file. */
export interface KeyringFile extends Record<KeyListName, KeyEntry[]> {
  format: 1
  /** 16 bytes in hex. */
  keyring_id: string
  realm: string
  checksum?: string
}

const fileFields = ['format', 'keyring_id', 'realm', ...keyLists, 'checksum']
const entryFields = ['number', 'state', 'key', 'checksum']
/** The size of a key. */
export const keyBytes = 32
/** The size of a realm in UTF-8. */
export const maxRealmBytes = 128

/** True for a valid realm. It is part of every context, so an invalid one would make every call fail. */
export function isRealm(value: unknown): value is string {
  if (typeof value !== 'string' || !value.isWellFormed()) return false
  return value !== '' && Buffer.byteLength(value) <= maxRealmBytes
}

/** The content of a keyring file; its checksums are not compared. Throws INVALID_REQUEST for a text that is no keyring. */
export function parseKeyringText(text: string): KeyringFile {
  const file = parseJson(text)
  refuseOtherFields(file, fileFields)
  if (file.format !== 1) throw broken('its format is not known to this version')
  const { keyring_id: keyringId, realm } = file
  if (typeof keyringId !== 'string' || !/^[0-9a-f]{32}$/.test(keyringId)) {
    throw broken('keyring_id is not 32 hex digits')
  }
  if (!isRealm(realm)) throw broken(`realm is not 1 to ${maxRealmBytes} bytes of text`)
  for (const list of keyLists) checkList(file[list], list)
  return file as KeyringFile
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

function refuseOtherFields(object: object, known: string[]): void {
  if (!Object.keys(object).every((name) => known.includes(name))) throw broken('it has a field of an unknown name')
}

function checkList(entries: unknown, list: KeyListName): asserts entries is KeyEntry[] {
  if (!Array.isArray(entries)) throw broken(`${list} is missing`)
  for (const entry of entries) checkEntry(entry ?? {}, list)
  if (new Set(entries.map(({ number }) => number)).size !== entries.length) throw broken(`${list} repeats a number`)
  if (entries.filter(({ state }) => state === 'active').length !== 1) throw broken(`${list} must have one active key`)
}

function checkEntry(entry: KeyEntry, list: KeyListName): void {
  const { number, state, key } = entry
  if (!Number.isInteger(number) || number < 1 || number > 0xffff_ffff) throw broken(`${list} has no valid number`)
  refuseOtherFields(entry, entryFields)
  if (state !== 'active' && state !== 'read') throw broken(`${list} ${number} has an unknown state`)
  const bytes = Buffer.from(typeof key === 'string' ? key : '', 'base64')
  const isKey = bytes.length === keyBytes && bytes.toString('base64') === key
  bytes.fill(0)
  if (!isKey) throw broken(`${list} ${number} is not a key`)
}

function broken(what: string): VaultError {
  return refused(`is damaged: ${what}; restore it from its backup`)
}

/** INVALID_REQUEST for a keyring file; the problem follows its name. */
export function refused(problem: string): VaultError {
  const message = `the keyring ${problem}`
  return new VaultError('INVALID_REQUEST', {
    message,
    fields: [{ field: 'frontend.keyringFile', description: message }],
  })
}
