// The line format of import and export: {"user","name"?,"data"|"text","aad"?,"mode"?}, and the attributes of the record:
// expire_time, content_type, labels, keep_versions. docs/import-and-export.md describes it.
import { invalidField } from '../../core/errors.js'
import type { RecordInfo, RequestInput } from '../../frontend/client.js'
import type { StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { base64Field, type JsonObject, jsonObject, numberField, requiredText, textField } from '../files/json-line.js'
import type { KeyEntry } from '../keys/key-entry.js'
import { parseTime } from '../options/expiry.js'
import { type KeyModeName, keyModeField, keyModeName, keyModes } from '../options/key-mode.js'
import { labelKeyProblem, type WriteFields } from '../options/write-flags.js'
import { toJson } from '../terminal/output.js'
import { attributesOf } from '../terminal/record-info.js'

/** The greatest size of a line: a record of 3 MiB in base64, the largest name and bound bytes fit. */
export const maxLineBytes = 5 * 1024 * 1024

// Unknown fields are refused: a mistyped `name` would store the record without its name, over another one.
const inputFields = [
  'user',
  'name',
  'data',
  'text',
  'aad',
  'mode',
  'expire_time',
  'content_type',
  'labels',
  'keep_versions',
]
const exportFields = ['key_id', 'version', 'stored']
const knownFields = new Set([...inputFields, ...exportFields])

/** The request that stores a line. */
export type ImportedRecord = RequestInput<StoreRecordRequest> &
  Pick<StoreRecordRequest, 'recordName' | 'data' | 'callerAad'>

/** The mode and the attributes of lines that name none. */
export interface LineDefaults {
  mode?: KeyModeName | undefined
  life?: WriteFields
}

/** Parses a line; throws INVALID_REQUEST, which names the field. */
export function parseImportLine(text: Buffer | undefined, { mode, life = {} }: LineDefaults = {}): ImportedRecord {
  if (text === undefined) throw invalidField('line', `is longer than ${maxLineBytes} bytes`)
  const line = jsonObject(text)
  for (const field of Object.keys(line)) {
    if (!knownFields.has(field))
      throw invalidField('line', `has a field that is none of ${[...knownFields].join(', ')}`)
  }
  return {
    userId: requiredText(line, 'user'),
    recordName: textField(line, 'name') ?? '',
    data: dataOf(line),
    callerAad: base64Field(line, 'aad') ?? Buffer.alloc(0),
    ...keyModeField(modeField(line) ?? mode),
    ...attributesOfLine(line, life),
  }
}

function dataOf(line: JsonObject): Buffer {
  const data = base64Field(line, 'data')
  const text = textField(line, 'text')
  if (data !== undefined && text !== undefined) throw invalidField('data', 'and text exclude each other')
  if (data === undefined && text === undefined) throw invalidField('data', 'is missing, and so is text')
  return data ?? Buffer.from(text ?? '')
}

function modeField(line: JsonObject): KeyModeName | undefined {
  const mode = textField(line, 'mode')
  if (mode === undefined || Object.hasOwn(keyModes, mode)) return mode as KeyModeName | undefined
  throw invalidField('mode', `must be one of ${Object.keys(keyModes).join(', ')}`)
}

/** The attributes that the line names, and the defaults for the others. */
function attributesOfLine(line: JsonObject, { expireTime, attributes, keepVersions }: WriteFields): WriteFields {
  const contentType = textField(line, 'content_type') ?? attributes?.contentType
  const labels = labelsField(line) ?? attributes?.labels
  const expires = expiryField(line) ?? expireTime
  const kept = line['keep_versions'] === undefined ? keepVersions : numberField(line, 'keep_versions', 0)
  const hasAttributes = contentType !== undefined || labels !== undefined
  return {
    ...(expires && { expireTime: expires }),
    ...(hasAttributes && { attributes: { contentType: contentType ?? '', labels: labels ?? {} } }),
    ...(kept !== undefined && { keepVersions: kept }),
  }
}

function expiryField(line: JsonObject): Date | undefined {
  const text = textField(line, 'expire_time')
  const time = text === undefined ? undefined : parseTime(text)
  if (text === undefined || time !== undefined) return time
  throw invalidField('expire_time', 'must be a time with its zone, such as 2027-01-01T00:00:00Z')
}

function labelsField(line: JsonObject): Record<string, string> | undefined {
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

/** The line of a record that was opened. */
export function exportLine(
  { user, aad }: Pick<KeyEntry, 'user' | 'aad'>,
  { data, record }: { data: Buffer; record: RecordInfo },
): string {
  const { recordName, keyMode, keyId, version, storeTime, expireTime } = record
  const { contentType, labels } = attributesOf(record)
  const bound = aad.length > 0 ? { aad: aad.toString('base64') } : {}
  const attributes = { expire_time: expireTime, content_type: contentType, labels }
  const described = { mode: keyModeName(keyMode), ...attributes, key_id: keyId, version, stored: storeTime }
  return `${toJson({ user, name: recordName, data: data.toString('base64'), ...bound, ...described })}\n`
}
