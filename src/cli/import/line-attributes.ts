// How long the record of an import line lives, and what is said of it: expire_time, content_type, labels, keep_versions.
import { invalidField } from '../../core/errors.js'
import { type JsonObject, numberField, textField } from '../files/json-line.js'
import { parseTime } from '../options/expiry.js'
import { labelKeyProblem, type WriteFields } from '../options/write-flags.js'

/** What the line says; where it says nothing, the default. Throws INVALID_REQUEST, naming the field. */
export function lineAttributes(line: JsonObject, { expireTime, attributes, keepVersions }: WriteFields): WriteFields {
  const contentType = textField(line, 'content_type') ?? attributes?.contentType
  const labels = labelsOf(line) ?? attributes?.labels
  const expires = expiryOf(line) ?? expireTime
  const kept = line['keep_versions'] === undefined ? keepVersions : numberField(line, 'keep_versions', 0)
  const described = contentType !== undefined || labels !== undefined
  return {
    ...(expires && { expireTime: expires }),
    ...(described && { attributes: { contentType: contentType ?? '', labels: labels ?? {} } }),
    ...(kept !== undefined && { keepVersions: kept }),
  }
}

function expiryOf(line: JsonObject): Date | undefined {
  const text = textField(line, 'expire_time')
  const time = text === undefined ? undefined : parseTime(text)
  if (text === undefined || time !== undefined) return time
  throw invalidField('expire_time', 'must be a time with its zone, such as 2027-01-01T00:00:00Z')
}

function labelsOf(line: JsonObject): Record<string, string> | undefined {
  const { labels } = line
  if (labels === undefined) return undefined
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) {
    throw invalidField('labels', 'must be an object of strings')
  }
  const pairs = Object.keys(labels).map((key) => {
    const refusal = labelKeyProblem(key)
    if (refusal) throw invalidField('labels', `a key ${refusal}`)
    if (!key.isWellFormed()) throw invalidField('labels', 'a key is not well-formed text: it has a lone surrogate')
    return [key, labelValue(labels as JsonObject, key)]
  })
  return Object.fromEntries(pairs)
}

function labelValue(labels: JsonObject, key: string): string {
  const value = labels[key]
  if (typeof value !== 'string') throw invalidField('labels', 'must be an object of strings')
  if (!value.isWellFormed()) throw invalidField('labels', 'a value is not well-formed text: it has a lone surrogate')
  return value
}
