// The context a ciphertext is bound to (crypto.md section 5). Never stored: the front end rebuilds it from the request,
// so the back end cannot supply it.
//   "rvctx" | 01 | u8 count | count x ( u8 tag | u32 length | value )     tags ascending, each at most once
// The length fields make the encoding injective. Text is UTF-8 without normalisation and must be well formed:
// otherwise every lone surrogate would be encoded as EF BF BD, and two ids could share one context.
import { hash } from 'node:crypto'
import { keyIdBytes, userUidBytes } from '../../core/envelope-sizes.js'
import { invalidField } from '../../core/errors.js'
import { guard } from './errors.js'

/** Of SHA-256, in bytes. */
export const contextHashSize = 32

const prefix = Buffer.from('rvctx\x01')
const purposeAt = prefix.length + 1
const purposeTag = 0x01
const lengthAndTag = 5

/** The values that a context may hold. */
export interface ContextValues {
  realm: string
  userId: string
  recordName: string
  userUid: Buffer
  keyId: Buffer
  label: string
  callerAad: Buffer
  generation: number
}

type Field = keyof ContextValues
type Value = ContextValues[Field]

interface Tag {
  tag: number
  min: number
  max: number
  /** The field of the request that has the value; a wrong value from elsewhere is a bug. */
  field?: string
}

const tags: Record<Field, Tag> = {
  realm: { tag: 0x02, min: 1, max: 128 },
  userId: { tag: 0x03, min: 1, max: 1024, field: 'user_id' },
  recordName: { tag: 0x04, min: 0, max: 1024, field: 'record_name' },
  userUid: { tag: 0x05, min: userUidBytes, max: userUidBytes },
  keyId: { tag: 0x06, min: keyIdBytes, max: keyIdBytes },
  label: { tag: 0x07, min: 1, max: 256, field: 'label' },
  callerAad: { tag: 0x08, min: 0, max: 65536, field: 'caller_aad' },
  generation: { tag: 0x09, min: 4, max: 4 },
}

/** The purposes of a context: the number (tag 01) and the other tags, ascending. */
export const purposes = {
  record: { code: 0x01, fields: ['realm', 'userId', 'recordName', 'callerAad'] },
  userId: { code: 0x03, fields: ['realm', 'userUid'] },
  userKey: { code: 0x04, fields: ['realm', 'userUid', 'generation'] },
  entry: { code: 0x05, fields: ['realm', 'userId', 'keyId'] },
  field: { code: 0x06, fields: ['realm', 'userId', 'label', 'callerAad'] },
  userPseudonym: { code: 0x11, fields: ['realm', 'userId'] },
  recordPseudonym: { code: 0x12, fields: ['realm', 'userId', 'recordName'] },
  userBind: { code: 0x13, fields: ['realm', 'userId', 'userUid'] },
} as const satisfies Record<string, { code: number; fields: readonly Field[] }>

/** The purpose of a context. */
export type Purpose = keyof typeof purposes
/** The values of one purpose's context. */
export type ContextOf<P extends Purpose> = Pick<ContextValues, (typeof purposes)[P]['fields'][number]>

/** Context 01, of an envelope. */
export const recordContext = (values: ContextOf<'record'>) => contextOf('record', values)
/** Context 05, of an entry box. */
export const entryContext = (values: ContextOf<'entry'>) => contextOf('entry', values)
/** Context 04, of a wrapped user key. */
export const userKeyContext = (values: ContextOf<'userKey'>) => contextOf('userKey', values)
/** Context 13, of the bind of a user key. */
export const userBindContext = (values: ContextOf<'userBind'>) => contextOf('userBind', values)
/** Context 03, of a sealed user id. */
export const userIdContext = (values: ContextOf<'userId'>) => contextOf('userId', values)
/** Context 11, of the pseudonym of a user. */
export const userPseudonymContext = (values: ContextOf<'userPseudonym'>) => contextOf('userPseudonym', values)
/** Context 12, of the pseudonym of a record. */
export const recordPseudonymContext = (values: ContextOf<'recordPseudonym'>) => contextOf('recordPseudonym', values)

/** The context bytes for a purpose; INVALID_REQUEST for an id, name or associated data out of range. */
export function contextOf<P extends Purpose>(purpose: P, values: ContextOf<P>): Buffer {
  const { code, fields } = purposes[purpose]
  const byField = values as Partial<ContextValues>
  let count = 1
  let size = purposeAt + lengthAndTag + 1
  for (const field of fields) {
    const length = checkedLength(field, byField[field])
    if (isLeftOut(field, length)) continue
    count += 1
    size += lengthAndTag + length
  }
  const context = Buffer.allocUnsafe(size) // every byte is written below
  start(context, count, code)
  let at = purposeAt + lengthAndTag + 1
  for (const field of fields) at = write(context, at, { field, value: byField[field] })
  return context
}

/** SHA-256 of a context, the form in which it enters a derivation. */
export function contextHash(context: Buffer): Buffer {
  // Hashing to a string takes half the time of hashing to a buffer, and the hash is no secret that would have to be wiped.
  const digest = Buffer.allocUnsafe(contextHashSize)
  digest.write(hash('sha256', context, 'binary'), 'binary')
  return digest
}

// The one optional tag: without associated data the tag is absent, not empty.
function isLeftOut(field: Field, length: number): boolean {
  return field === 'callerAad' && length === 0
}

/** Everything before the first field: the prefix, the count and the purpose. */
function start(context: Buffer, count: number, code: number): void {
  context.set(prefix)
  context[prefix.length] = count
  context[purposeAt] = purposeTag
  context.writeUInt32BE(1, purposeAt + 1)
  context[purposeAt + lengthAndTag] = code
}

/** Writes one field unless it is left out; returns the offset of the next one. */
function write(context: Buffer, at: number, { field, value }: { field: Field; value: Value | undefined }): number {
  const valueAt = at + lengthAndTag
  const length = writeValue(context, valueAt, value)
  if (isLeftOut(field, length)) return at
  context[at] = tags[field].tag
  context.writeUInt32BE(length, at + 1)
  return valueAt + length
}

function writeValue(context: Buffer, at: number, value: Value | undefined): number {
  if (typeof value === 'string') return context.write(value, at)
  if (typeof value === 'number') return context.writeUInt32BE(value, at) - at
  return value === undefined ? 0 : value.copy(context, at)
}

function checkedLength(name: Field, value: Value | undefined): number {
  const { min, max, field } = tags[name]
  const length = lengthOf(name, value)
  if (length >= min && length <= max) return length
  guard(field !== undefined, `${name} has ${min} to ${max} bytes`)
  throw invalidField(field, `must have ${min} to ${max} bytes`)
}

/** -1 for a missing value. */
function lengthOf(name: Field, value: Value | undefined): number {
  if (typeof value === 'string') return utf8Length(name, value)
  if (typeof value === 'number') return u32Length(value)
  return value === undefined ? -1 : value.length
}

function utf8Length(name: Field, text: string): number {
  if (text.isWellFormed()) return Buffer.byteLength(text)
  throw invalidField(tags[name].field ?? name, 'must be well-formed text')
}

function u32Length(value: number): number {
  guard(Number.isInteger(value) && value >= 0 && value <= 0xffffffff, 'a generation is an unsigned 32-bit number')
  return 4
}
