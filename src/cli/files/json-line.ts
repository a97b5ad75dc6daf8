// One JSON object on a line, and its fields, checked. No error message quotes the line, which may hold a secret.
import { invalidField } from '../../core/errors.js'

/** A parsed object whose fields are not checked yet. */
export type JsonObject = Record<string, unknown>

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decoded(text: Buffer): string {
  try {
    return utf8.decode(text)
  } catch {
    throw invalidField('line', 'is not UTF-8')
  }
}

// The message of JSON.parse quotes the text; only the position is safe to repeat.
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const [, position] = /position (\d+)/.exec((error as Error).message) ?? []
    throw invalidField(
      'line',
      position === undefined ? 'is not JSON, or cut off' : `is not JSON, from character ${position}`,
    )
  }
}

/** Parses a line; throws INVALID_REQUEST if it is not a JSON object in UTF-8. */
export function jsonObject(text: Buffer): JsonObject {
  const value = parsed(decoded(text))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw invalidField('line', 'must be a JSON object')
}

/** True if the line is a JSON object in UTF-8. */
export function isJsonObject(text: Buffer | undefined): boolean {
  try {
    return text !== undefined && jsonObject(text) !== undefined
  } catch {
    return false
  }
}

/** A string field; undefined if it is missing. Throws INVALID_REQUEST for any other value. */
export function textField(object: JsonObject, field: string): string | undefined {
  const value = object[field]
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw invalidField(field, 'must be a string')
  if (!value.isWellFormed()) throw invalidField(field, 'is not well-formed text: it has a lone surrogate')
  return value
}

/** A string field; throws INVALID_REQUEST if it is missing. */
export function requiredText(object: JsonObject, field: string): string {
  const value = textField(object, field)
  if (value === undefined) throw invalidField(field, 'is missing')
  return value
}

/** A field of bytes in base64; undefined if it is missing. Node's decoder skips invalid characters, hence the check. */
export function base64Field(object: JsonObject, field: string): Buffer | undefined {
  const text = textField(object, field)
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw invalidField(field, 'must be base64, padded with =')
  return bytes
}

/** A whole number of at least `min`; throws INVALID_REQUEST for anything else. */
export function numberField(object: JsonObject, field: string, min: number): number {
  const value = object[field]
  if (value === undefined) throw invalidField(field, 'is missing')
  if (Number.isSafeInteger(value) && (value as number) >= min) return value as number
  throw invalidField(field, `must be a whole number, at least ${min}`)
}
