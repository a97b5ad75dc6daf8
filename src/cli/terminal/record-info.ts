// How a record's metadata is printed: as an object for scripts, as a row or a summary for people.

import type { RecordInfo } from '../../frontend/client.js'
import type { RecordAttributes } from '../../gen/encserver/v1/frontend.js'
import { keyModeName } from '../options/key-mode.js'
import { toJson } from './output.js'
import { printable } from './terminal.js'

/** The metadata as an object for `toJson`; without attributes that are not set. */
export function recordJson({ keyMode, attributes, ...rest }: RecordInfo): object {
  const set = attributesOf({ attributes })
  return { ...rest, keyMode: keyModeName(keyMode), ...(Object.keys(set).length > 0 && { attributes: set }) }
}

/** The metadata as a line for scripts. */
export function jsonLine(record: RecordInfo): string {
  return toJson(recordJson(record))
}

/** The attributes that are set. */
export function attributesOf({ attributes }: Pick<RecordInfo, 'attributes'>): Partial<RecordAttributes> {
  const { contentType = '', labels = {} } = attributes ?? {}
  return { ...(contentType !== '' && { contentType }), ...(Object.keys(labels).length > 0 && { labels }) }
}

type Columns = [
  version: string,
  size: string,
  stored: string,
  expires: string,
  mode: string,
  keyId: string,
  name: string,
]

function row([version, size, stored, expires, mode, keyId, name]: Columns): string {
  const numbers = [version.padStart(7), size.padStart(11)]
  const words = [stored.padEnd(20), expires.padEnd(20), mode.padEnd(6), keyId.padEnd(32), name]
  return [...numbers, ...words].join('  ')
}

/** A time in a column, to the second. */
function shortTime(time: Date | undefined): string | undefined {
  return time && `${time.toISOString().slice(0, 19)}Z`
}

/** The heading of a table of records. The name is the last column: its length varies, and rows are printed as they arrive. */
export const recordHeading = row(['VERSION', 'BYTES', 'STORED', 'EXPIRES', 'MODE', 'KEY ID', 'NAME'])

/** A record as a row of the table. */
export function recordRow(record: RecordInfo): string {
  const { version, sizeBytes, storeTime, expireTime, keyMode, keyId, recordName } = record
  const name = recordName === '' ? '(unnamed)' : printable(recordName)
  return row([
    `${version}`,
    `${sizeBytes}`,
    shortTime(storeTime) ?? '',
    shortTime(expireTime) ?? 'never',
    keyModeName(keyMode),
    keyId.toString('hex'),
    [name, ...attributeTexts(record)].join('  '),
  ])
}

function attributeTexts(record: RecordInfo): string[] {
  const { contentType, labels = {} } = attributesOf(record)
  const texts = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return [...(contentType === undefined ? [] : [contentType]), ...texts.sort()].map(printable)
}

/** A record's metadata in short, for a note beside its data. */
export function recordSummary(record: RecordInfo): string {
  const { version, keyMode, expireTime } = record
  const expires = expireTime === undefined ? [] : [`expires ${shortTime(expireTime)}`]
  return [`version ${version}`, `mode ${keyModeName(keyMode)}`, ...expires, ...attributeTexts(record)].join(', ')
}
