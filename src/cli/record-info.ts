// How a record's description is printed: an object for scripts, a row for people.
import type { RecordInfo } from '../frontend/client.js'
import { keyModeName } from './frontend-call.js'
import { printable } from './terminal.js'

export function recordJson({ keyMode, ...described }: RecordInfo): object {
  return { ...described, keyMode: keyModeName(keyMode) }
}

function row(columns: [string, string, string, string, string, string]): string {
  const [version, size, stored, mode, keyId, name] = columns
  return [version.padStart(7), size.padStart(9), stored.padEnd(20), mode.padEnd(6), keyId.padEnd(32), name].join('  ')
}

/** The name comes last, as it may be of any length; so rows can be printed as they arrive. */
export const recordHeading = row(['VERSION', 'BYTES', 'STORED', 'MODE', 'KEY ID', 'NAME'])

export function recordRow({ version, sizeBytes, storeTime, keyMode, keyId, recordName }: RecordInfo): string {
  const stored = storeTime === undefined ? '' : `${storeTime.toISOString().slice(0, 19)}Z`
  const name = recordName === '' ? '(unnamed)' : printable(recordName)
  return row([`${version}`, `${sizeBytes}`, stored, keyModeName(keyMode), keyId.toString('hex'), name])
}
