// A line of a keys file: which line of the input is stored, and everything that opens its record again.
import { invalidField, VaultError } from '../core/errors.js'
import type { StoreRecordResponse } from '../frontend/client.js'
import { base64Field, type JsonObject, jsonObject, numberField, requiredText } from './json-line.js'
import { toJson } from './output.js'

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

export interface KeyEntry extends InputLine {
  aad: Buffer
  keyId: Buffer
  recordKey: string
  /** On the first line that a run of import writes. */
  input?: InputStamp | undefined
}

type Stored = Pick<KeyEntry, keyof InputLine | 'aad' | 'input'> &
  Pick<StoreRecordResponse, 'recordKey' | 'keyId' | 'version'>

export function keyEntryLine({ line, lineBytes, user, name, aad, recordKey, keyId, version, input }: Stored): string {
  const bound = aad.length > 0 ? { aad: aad.toString('base64') } : {}
  const where = { line, line_bytes: lineBytes, ...(input && { input }) }
  return `${toJson({ user, name, key_id: keyId, record_key: recordKey, version, ...bound, ...where })}\n`
}

/** The entry of a line; throws INVALID_REQUEST when it is none. */
export function parseKeyEntry(text: Buffer | undefined): KeyEntry {
  if (text === undefined) throw invalidField('line', `is longer than ${maxEntryBytes} bytes`)
  const object = jsonObject(text)
  return {
    line: numberField(object, 'line', 1),
    lineBytes: numberField(object, 'line_bytes', 0),
    user: requiredText(object, 'user'),
    name: requiredText(object, 'name'),
    aad: base64Field(object, 'aad') ?? Buffer.alloc(0),
    keyId: keyIdOf(object),
    recordKey: requiredText(object, 'record_key'),
    input: stampOf(object),
  }
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
