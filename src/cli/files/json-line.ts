// One JSON object of a line: what it must be, and which fields it may have. No message repeats what a line holds.
import { invalidField } from '../../core/errors.js'

export type JsonObject = Record<string, unknown>

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decoded(text: Buffer): string {
  try {
    return utf8.decode(text)
  } catch {
    throw invalidField('line', 'is not UTF-8')
  }
}

// The words of JSON.parse quote the text, which may be anybody's secret; where it failed is all that is kept.
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

/** The object of a line; throws INVALID_REQUEST for anything else. */
export function jsonObject(text: Buffer): JsonObject {
  const value = parsed(decoded(text))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw invalidField('line', 'must be a JSON object')
}

export function isJsonObject(text: Buffer | undefined): boolean {
  try {
    return text !== undefined && jsonObject(text) !== undefined
  } catch {
    return false
  }
}

/** A field of text; undefined when it is not there. */
export function textField(object: JsonObject, field: string): string | undefined {
  const value = object[field]
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw invalidField(field, 'must be a string')
  if (!value.isWellFormed()) throw invalidField(field, 'is not well-formed text: it has a lone surrogate')
  return value
}

export function requiredText(object: JsonObject, field: string): string {
  const value = textField(object, field)
  if (value === undefined) throw invalidField(field, 'is missing')
  return value
}

/** A field of bytes in base64, checked: the decoder itself would pass over what it does not know. */
export function base64Field(object: JsonObject, field: string): Buffer | undefined {
  const text = textField(object, field)
  if (text === undefined) return undefined
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw invalidField(field, 'must be base64, padded with =')
  return bytes
}

/** A whole number, at least `least`. */
export function numberField(object: JsonObject, field: string, least: number): number {
  const value = object[field]
  if (value === undefined) throw invalidField(field, 'is missing')
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  throw invalidField(field, `must be a whole number, at least ${least}`)
}
