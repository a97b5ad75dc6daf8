// A line of what import reads and export writes: {"user","name"?,"data"|"text","aad"?,"mode"?}, and how it is to live.

import { invalidField } from '../../core/errors.js'
import type { RecordInfo, RequestInput } from '../../frontend/client.js'
import type { StoreRecordRequest } from '../../gen/encserver/v1/frontend.js'
import { base64Field, type JsonObject, jsonObject, requiredText, textField } from '../files/json-line.js'
import type { KeyEntry } from '../keys/key-entry.js'
import { type KeyModeName, keyModeField, keyModeName, keyModes } from '../options/key-mode.js'
import type { WriteFields } from '../options/write-flags.js'
import { toJson } from '../terminal/output.js'
import { attributesOf } from '../terminal/record-info.js'
import { lineAttributes } from './line-attributes.js'

/** Holds a record of 3 MiB in base64, with the largest name and bound bytes. */
export const maxLineBytes = 5 * 1024 * 1024

// The last three are what an export adds. A field of another name is most likely a mistyped one of these, and a record
// stored without its name would replace another.
const own = ['user', 'name', 'data', 'text', 'aad', 'mode', 'expire_time', 'content_type', 'labels', 'keep_versions']
const known = new Set([...own, 'key_id', 'version', 'stored'])

export type ImportedRecord = RequestInput<StoreRecordRequest> &
  Pick<StoreRecordRequest, 'recordName' | 'data' | 'callerAad'>

/** What a line that does not say it is stored with. */
export interface LineDefaults {
  mode?: KeyModeName | undefined
  life?: WriteFields
}

/** The record of a line; throws INVALID_REQUEST, naming the field. */
export function parseImportLine(text: Buffer | undefined, { mode, life = {} }: LineDefaults = {}): ImportedRecord {
  if (text === undefined) throw invalidField('line', `is longer than ${maxLineBytes} bytes`)
  const line = jsonObject(text)
  for (const field of Object.keys(line)) {
    if (!known.has(field)) throw invalidField('line', `has a field that is none of ${[...known].join(', ')}`)
  }
  return {
    userId: requiredText(line, 'user'),
    recordName: textField(line, 'name') ?? '',
    data: dataOf(line),
    callerAad: base64Field(line, 'aad') ?? Buffer.alloc(0),
    ...keyModeField(modeNamed(line) ?? mode),
    ...lineAttributes(line, life),
  }
}

function dataOf(line: JsonObject): Buffer {
  const data = base64Field(line, 'data')
  const text = textField(line, 'text')
  if (data !== undefined && text !== undefined) throw invalidField('data', 'and text exclude each other')
  if (data === undefined && text === undefined) throw invalidField('data', 'is missing, and so is text')
  return data ?? Buffer.from(text ?? '')
}

function modeNamed(line: JsonObject): KeyModeName | undefined {
  const mode = textField(line, 'mode')
  if (mode === undefined || Object.hasOwn(keyModes, mode)) return mode as KeyModeName | undefined
  throw invalidField('mode', `must be one of ${Object.keys(keyModes).join(', ')}`)
}

/** The same for a record that was opened. */
export function exportLine(
  { user, aad }: Pick<KeyEntry, 'user' | 'aad'>,
  { data, record }: { data: Buffer; record: RecordInfo },
): string {
  const { recordName, keyMode, keyId, version, storeTime, expireTime } = record
  const { contentType, labels } = attributesOf(record)
  const bound = aad.length > 0 ? { aad: aad.toString('base64') } : {}
  const lives = { expire_time: expireTime, content_type: contentType, labels }
  const described = { mode: keyModeName(keyMode), ...lives, key_id: keyId, version, stored: storeTime }
  return `${toJson({ user, name: recordName, data: data.toString('base64'), ...bound, ...described })}\n`
}
