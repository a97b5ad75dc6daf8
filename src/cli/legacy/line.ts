// What import-legacy reads: lines of its keys file, and documents of the earlier services as mongoexport writes them.
import { invalidField } from '../../core/errors.js'
import { type JsonObject, jsonObject, requiredText, textField } from '../files/json-line.js'

/** Room for the largest names and an id of them. */
export const maxKeyLineBytes = 64 * 1024
/** Holds a record of 3 MiB in hex. */
export const maxDumpLineBytes = 8 * 1024 * 1024

const keyBytes = 32
const known = new Set(['user_id', 'record_name', 'key', 'stored_id'])

/** A record to import: whose it is, and what opens it. */
export interface LegacyKey {
  userId: string
  recordName: string
  key: Buffer
  /** Under which id the dump has it; undefined when the line does not say. */
  storedId: Buffer | undefined
}

/** Which fields of a document hold the id and the record. */
export interface DumpFields {
  idField: string
  recordField: string
}

/** Throws INVALID_REQUEST, naming the field. */
export function parseLegacyKey(text: Buffer | undefined): LegacyKey {
  if (text === undefined) throw invalidField('line', `is longer than ${maxKeyLineBytes} bytes`)
  const line = jsonObject(text)
  for (const field of Object.keys(line)) {
    if (!known.has(field)) throw invalidField('line', `has a field that is none of ${[...known].join(', ')}`)
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

/** The id and the record of a document; throws INVALID_REQUEST, naming the field. */
export function parseDumpLine(text: Buffer | undefined, { idField, recordField }: DumpFields) {
  if (text === undefined) throw invalidField('line', `is longer than ${maxDumpLineBytes} bytes`)
  const document = jsonObject(text)
  return { id: bytesField(document, idField), record: bytesField(document, recordField) }
}

function bytesField(object: JsonObject, field: string): Buffer {
  const value = object[field]
  if (value === undefined) throw invalidField(field, 'is missing')
  const text = typeof value === 'string' ? value : binaryText(value)
  const bytes = text === undefined ? undefined : decoded(text)
  if (bytes !== undefined) return bytes
  throw invalidField(field, 'must be bytes: hex, base64 padded with =, or {"$binary":...}')
}

/** The base64 of binary data in extended JSON: of version 2, or 1 as older tools write it. */
function binaryText(value: unknown): string | undefined {
  const { $binary: binary } = (value ?? {}) as { $binary?: unknown }
  const text = typeof binary === 'string' ? binary : (binary as { base64?: unknown } | null | undefined)?.base64
  return typeof text === 'string' ? text : undefined
}

// The earlier services wrote hex. Base64 of something random that has hex digits only does not happen at these lengths.
function decoded(text: string): Buffer | undefined {
  if (/^([0-9a-f]{2})+$/i.test(text)) return Buffer.from(text, 'hex')
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined
}
