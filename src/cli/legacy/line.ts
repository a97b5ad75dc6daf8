// The formats that import-legacy reads: lines of its keys file, and documents of the old services as mongoexport writes them.
import { invalidField } from '../../core/errors.js'
import { type JsonObject, jsonObject, requiredText, textField } from '../files/json-line.js'

/** The greatest size of a keys line: the largest names, and an id made of them, fit. */
export const maxKeyLineBytes = 64 * 1024
/** The greatest size of a document: a record of 3 MiB in hex fits. */
export const maxDumpLineBytes = 8 * 1024 * 1024

const keyBytes = 32
const knownFields = new Set(['user_id', 'record_name', 'key', 'stored_id'])

/** A record to import, and its old key. */
export interface LegacyKey {
  userId: string
  recordName: string
  key: Buffer
  /** The id of its document; undefined if the line has none. */
  storedId: Buffer | undefined
}

/** The names of the document's fields. */
export interface DumpFields {
  idField: string
  recordField: string
}

/** Parses a line of the keys file; throws INVALID_REQUEST, which names the field. */
export function parseLegacyKey(text: Buffer | undefined): LegacyKey {
  if (text === undefined) throw invalidField('line', `is longer than ${maxKeyLineBytes} bytes`)
  const line = jsonObject(text)
  for (const field of Object.keys(line)) {
    if (!knownFields.has(field))
      throw invalidField('line', `has a field that is none of ${[...knownFields].join(', ')}`)
  }
  const key = bytesField(line, 'key')
  if (key.length !== keyBytes) throw invalidField('key', `must be ${keyBytes} bytes, not ${key.length}`)
  return {
    userId: requiredText(line, 'user_id'),
    recordName: textField(line, 'record_name') ?? '',
    key,
    storedId: line['stored_id'] === undefined ? undefined : bytesField(line, 'stored_id'),
  }
}

/** Parses a document into its id and its record; throws INVALID_REQUEST, which names the field. */
export function parseDumpLine(text: Buffer | undefined, { idField, recordField }: DumpFields) {
  if (text === undefined) throw invalidField('line', `is longer than ${maxDumpLineBytes} bytes`)
  const document = jsonObject(text)
  return { id: bytesField(document, idField), record: bytesField(document, recordField) }
}

function bytesField(object: JsonObject, field: string): Buffer {
  const value = object[field]
  if (value === undefined) throw invalidField(field, 'is missing')
  const text = typeof value === 'string' ? value : binaryText(value)
  const bytes = text === undefined ? undefined : decode(text)
  if (bytes !== undefined) return bytes
  throw invalidField(field, 'must be bytes: hex, base64 padded with =, or {"$binary":...}')
}

/** The base64 of binary data in MongoDB's Extended JSON: version 2, or version 1 as older tools write it. */
function binaryText(value: unknown): string | undefined {
  const { $binary: binary } = (value ?? {}) as { $binary?: unknown }
  const text = typeof binary === 'string' ? binary : (binary as { base64?: unknown } | null | undefined)?.base64
  return typeof text === 'string' ? text : undefined
}

// The old services wrote hex. At these lengths, base64 of random bytes does not consist of hex digits only.
function decode(text: string): Buffer | undefined {
  if (/^([0-9a-f]{2})+$/i.test(text)) return Buffer.from(text, 'hex')
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined
}
