// A line of a keys file: which line or file of the input is stored, and everything that opens its record again.
import { invalidField, VaultError } from '../../core/errors.js'
import type { StoreRecordResponse } from '../../frontend/client.js'
import { base64Field, type JsonObject, jsonObject, numberField, requiredText } from '../files/json-line.js'
import { toJson } from '../terminal/output.js'

/** Room for the largest name, bound bytes in base64 and a key. */
export const maxEntryBytes = 256 * 1024

/** What a file was when it was read: enough to see that it is another now. */
export interface InputStamp {
  bytes: number
  modified: string
}

/** A line of the input, as far as a keys file may know it: a checksum of contents would tell something of them. */
export interface InputLine {
  line: number
  lineBytes: number
  user: string
  name: string
}

/** A file of a folder. */
export interface InputFile {
  user: string
  name: string
  fileBytes: number
  modified: string
}

export interface KeyEntry {
  user: string
  name: string
  aad: Buffer
  keyId: Buffer
  recordKey: string
  /** What of the input it was. */
  from: InputLine | InputFile
  /** On the first line that a run of import writes. */
  input?: InputStamp | undefined
}

type Stored = (InputLine | InputFile) &
  Pick<KeyEntry, 'aad' | 'input'> &
  Pick<StoreRecordResponse, 'recordKey' | 'keyId' | 'version'>

export function keyEntryLine(stored: Stored): string {
  const { user, name, aad, recordKey, keyId, version, input } = stored
  const bound = aad.length > 0 ? { aad: aad.toString('base64') } : {}
  const line = 'line' in stored ? { line: stored.line, line_bytes: stored.lineBytes } : fileFields(stored)
  const where = { ...line, ...(input && { input }) }
  return `${toJson({ user, name, key_id: keyId, record_key: recordKey, version, ...bound, ...where })}\n`
}

function fileFields({ fileBytes, modified }: InputFile): object {
  return { file_bytes: fileBytes, modified }
}

/** The entry of a line; throws INVALID_REQUEST when it is none. */
export function parseKeyEntry(text: Buffer | undefined): KeyEntry {
  if (text === undefined) throw invalidField('line', `is longer than ${maxEntryBytes} bytes`)
  const object = jsonObject(text)
  const recordKey = requiredText(object, 'record_key') // first: it tells a keys file from a file of records
  const where = object['file_bytes'] === undefined ? lineOf(object) : fileOf(object)
  const who = { user: requiredText(object, 'user'), name: requiredText(object, 'name') }
  return {
    ...who,
    from: { ...where, ...who },
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

/** The key id of an entry or of an exported record. */
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

/** What is wrong with a line of a file that only this program writes. */
export function foreignLine(path: string, number: number, cause: unknown): VaultError {
  if (!(cause instanceof VaultError)) throw cause
  return new VaultError('INVALID_REQUEST', { message: `${path}, line ${number}: ${cause.message}`, cause })
}
