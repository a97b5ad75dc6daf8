// The entry: a record's data key, name and attributes in one box under the user key, beside the envelope, one per version.
//   plaintext = data key 32 (absent in mode client) | P
//   P = u16 length | name | u16 length | attributes | zeros up to a multiple of 64 (none if the length already is one)
// So the length mod 64 is 32 with a data key and 0 without. Other padding is refused: it would be a second encoding of
// the same entry. The context has the key id instead of the name, as the name is known only after opening.
import { isUtf8 } from 'node:buffer'
import type { Suite } from './aead.js'
import { openBox, sealBox } from './box.js'
import { contextHash, entryContext } from './context.js'
import { corrupt, guard } from './errors.js'
import { keySize } from './hmac.js'
import type { RandomSource } from './random.js'
import { secretArena } from './secret-arena.js'
import type { UserKey } from './user-key.js'

const paddedTo = 64
const maxNameSize = 1024
const none = Buffer.alloc(0)

/** The plaintext of an entry. */
export interface Entry {
  recordName: string
  attributes: Buffer
  /** In memory of its own, which the caller that opened the entry wipes; absent in mode client. */
  dataKey: Buffer | undefined
}

/** The owner of an entry, its version and the key that seals it. */
export interface EntryTerms {
  realm: string
  userId: string
  keyId: Buffer
  userKey: UserKey
}

/** Seals an entry under the user key; the data key stays the caller's to wipe. */
export function sealEntry(terms: EntryTerms & { suite: Suite }, entry: Entry, random: RandomSource): Buffer {
  const plaintext = encodeEntry(entry)
  try {
    return sealBox({ suite: terms.suite, ...boxTermsOf(terms) }, plaintext, random)
  } finally {
    plaintext.fill(0)
  }
}

/** Opens an entry: RECORD_KEY_MISMATCH up to the commitment, RECORD_CORRUPT after it. */
export function openEntry(terms: EntryTerms & { readSuites: readonly Suite[] }, box: Buffer): Entry {
  const plaintext = openBox({ readSuites: terms.readSuites, ...boxTermsOf(terms) }, box)
  try {
    return decodeEntry(plaintext)
  } finally {
    plaintext.fill(0)
  }
}

/** The plaintext of an entry. */
export function encodeEntry({ recordName, attributes, dataKey = none }: Entry): Buffer {
  const nameSize = Buffer.byteLength(recordName)
  guard(nameSize <= maxNameSize && attributes.length <= 0xffff, 'name and attributes fit the entry')
  guard(dataKey.length === 0 || dataKey.length === keySize, 'a data key has 32 bytes')
  const plaintext = secretArena(dataKey.length + padded(4 + nameSize + attributes.length))
  const attributesAt = dataKey.length + 2 + nameSize
  dataKey.copy(plaintext)
  plaintext.writeUInt16BE(nameSize, dataKey.length)
  plaintext.write(recordName, dataKey.length + 2)
  plaintext.writeUInt16BE(attributes.length, attributesAt)
  attributes.copy(plaintext, attributesAt + 2)
  return plaintext
}

/** Parses the plaintext of an entry and copies its fields; throws RECORD_CORRUPT for any other encoding. */
export function decodeEntry(plaintext: Buffer): Entry {
  const rest = plaintext.length % paddedTo
  if (plaintext.length < paddedTo || (rest !== 0 && rest !== keySize)) throw corrupt('entry length')
  const body = plaintext.subarray(rest)
  const name = field(body, 0)
  const attributes = field(body, 2 + name.length)
  const padding = body.subarray(4 + name.length + attributes.length)
  if (padding.length >= paddedTo || padding.some((byte) => byte !== 0)) throw corrupt('entry padding')
  if (name.length > maxNameSize || !isUtf8(name)) throw corrupt('entry name')
  const dataKey = rest === 0 ? undefined : copyTo(plaintext.subarray(0, keySize), secretArena(keySize))
  const ownAttributes = attributes.length === 0 ? none : copyTo(attributes, Buffer.alloc(attributes.length))
  return { recordName: name.toString(), attributes: ownAttributes, dataKey }
}

function boxTermsOf({ realm, userId, keyId, userKey: { key, generation } }: EntryTerms) {
  return {
    key,
    generation,
    purpose: 'entry',
    contextHash: contextHash(entryContext({ realm, userId, keyId })),
  } as const
}

function padded(size: number): number {
  return Math.ceil(size / paddedTo) * paddedTo
}

/** The bytes after a u16 length; throws RECORD_CORRUPT if one of them is missing. */
function field(body: Buffer, at: number): Buffer {
  if (at + 2 > body.length) throw corrupt('entry field')
  const end = at + 2 + body.readUInt16BE(at)
  if (end > body.length) throw corrupt('entry field')
  return body.subarray(at + 2, end)
}

/** Copies without Buffer.from, whose pool is shared with everything else. */
function copyTo(bytes: Buffer, memory: Buffer): Buffer {
  bytes.copy(memory)
  return memory
}
