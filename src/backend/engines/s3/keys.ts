// The keys of parts in a bucket: the prefix, then
//   <user pseudonym, base64url>/<record pseudonym, base64url>/<key id, hex>/<part number, 5 hex digits>

import { halvesOf } from '../../record/record-id.js'
import type { PartSet } from '../../store/part-store.js'

const numberText = 5
const keyForm = /^([A-Za-z0-9_-]{48})\/([A-Za-z0-9_-]{48})\/([0-9a-f]{32})\/[0-9a-f]{5}$/

/** Begins the keys of the set's parts, and no others. */
export function setPrefix(prefix: string, { recordId, keyId }: PartSet): string {
  const [user, record] = halvesOf(recordId)
  return `${prefix}${user.toString('base64url')}/${record.toString('base64url')}/${keyId.toString('hex')}/`
}

/** What is behind all parts of a set, and before those of the next. */
export function afterSet(prefix: string, set: PartSet): string {
  return `${setPrefix(prefix, set)}~` // above all digits
}

export function partKey(prefix: string, set: PartSet, partNumber: number): string {
  return setPrefix(prefix, set) + partNumber.toString(16).padStart(numberText, '0')
}

export function partNumberOf(key: string): number {
  return Number.parseInt(key.slice(-numberText), 16)
}

/** Undefined for a key that is no part's. */
export function setOf(prefix: string, key: string): PartSet | undefined {
  const [, user = '', record = '', keyId = ''] = keyForm.exec(key.slice(prefix.length)) ?? []
  if (keyId === '') return undefined
  return { recordId: Buffer.from(user + record, 'base64url'), keyId: Buffer.from(keyId, 'hex') }
}
