// An entry of a keys file: the line or file of the input that is stored, and all that opens its record again.
import { invalidField, VaultError } from '../../core/errors.js'
import type { StoreRecordResponse } from '../../frontend/client.js'
import { base64Field, type JsonObject, jsonObject, numberField, requiredText } from '../files/json-line.js'
import { toJson } from '../terminal/output.js'

/** The greatest size of an entry: the largest name, bound bytes in base64 and a key fit. */
export const maxEntryBytes = 256 * 1024

/** Size and time of an input file, which show that the file has changed. */
export interface InputStamp {
  bytes: number
  modified: string
}

/** A line of the input. It has no checksum of the contents: that would reveal something about them. */
export interface InputLine {
  line: number
  lineBytes: number
  user: string
  name: string
}

/** A file of a folder that is imported. */
export interface InputFile {
  user: string
  name: string
  fileBytes: number
  modified: string
}

/** A parsed entry. */
export interface KeyEntry {
  user: string
  name: string
  aad: Buffer
  keyId: Buffer
  recordKey: string
  /** The line or file that was stored. */
  from: InputLine | InputFile
  /** Only in the first entry of each run. */
  input?: InputStamp | undefined
}

/** A stored record, from which an entry is made. */
export type StoredEntry = (InputLine | InputFile) &
  Pick<KeyEntry, 'aad' | 'input'> &
  Pick<StoreRecordResponse, 'recordKey' | 'keyId' | 'version'>

/** The entry as a line of text. */
export function keyEntryLine(stored: StoredEntry): string {
  const { user, name, aad, recordKey, keyId, version, input } = stored
  const bound = aad.length > 0 ? { aad: aad.toString('base64') } : {}
  const line = 'line' in stored ? { line: stored.line, line_bytes: stored.lineBytes } : fileFields(stored)
  const source = { ...line, ...(input && { input }) }
  return `${toJson({ user, name, key_id: keyId, record_key: recordKey, version, ...bound, ...source })}\n`
}

function fileFields({ fileBytes, modified }: InputFile): object {
  return { file_bytes: fileBytes, modified }
}

/** Parses a line; throws INVALID_REQUEST if it is no entry. */
export function parseKeyEntry(text: Buffer | undefined): KeyEntry {
  if (text === undefined) throw invalidField('line', `is longer than ${maxEntryBytes} bytes`)
  const object = jsonObject(text)
  const recordKey = requiredText(object, 'record_key') // checked first, since only a keys file has it
  const source = object['file_bytes'] === undefined ? lineOf(object) : fileOf(object)
  const record = { user: requiredText(object, 'user'), name: requiredText(object, 'name') }
  return {
    ...record,
    from: { ...source, ...record },
    aad: base64Field(object, 'aad') ?? Buffer.alloc(0),
    keyId: keyIdOf(object),
    recordKey,
    input: stampOf(object),
  }
}

function lineOf(object: JsonObject): Pick<InputLine, 'line' | 'lineBytes'> {
  return { line: numberField(object, 'line', 1), lineBytes: numberField(object, 'line_bytes', 0) }
}

function fileOf(object: JsonObject): Pick<InputFile, 'fileBytes' | 'modified'> {
  return { fileBytes: numberField(object, 'file_bytes', 0), modified: requiredText(object, 'modified') }
}

/** The key id of an entry or of an exported record; throws INVALID_REQUEST if it is none. */
export function keyIdOf(object: JsonObject): Buffer {
  const hex = requiredText(object, 'key_id')
  if (/^[0-9a-f]{32}$/.test(hex)) return Buffer.from(hex, 'hex')
  throw invalidField('key_id', 'must be 32 hex digits')
}

function stampOf({ input }: JsonObject): InputStamp | undefined {
  if (typeof input !== 'object' || input === null) return undefined
  return {
    bytes: numberField(input as JsonObject, 'bytes', 0),
    modified: requiredText(input as JsonObject, 'modified'),
  }
}

/** The error for a line that this program has not written; rethrows an error that is not a VaultError. */
export function foreignLine(path: string, number: number, cause: unknown): VaultError {
  if (!(cause instanceof VaultError)) throw cause
  return new VaultError('INVALID_REQUEST', { message: `${path}, line ${number}: ${cause.message}`, cause })
}
