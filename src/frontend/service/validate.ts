// Validation of requests; each check throws INVALID_REQUEST. Sizes are bytes of UTF-8. U+FFFD is refused because decoders
// replace bytes that are not UTF-8 with it, so that two ids would become one.
import { keyIdBytes } from '../../core/envelope-sizes.js'
import { invalidField } from '../../core/errors.js'
import type { KeyMode, Precondition, RecordAttributes } from '../../gen/encserver/v1/frontend.js'
import { isMode, type Mode } from '../crypto/envelope.js'
import { encodeAttributes } from '../vault/sealed-attributes.js'

const maxIdBytes = 1024
const maxCallerAadBytes = 65_536
const maxKeepVersions = 100
const maxLabels = 64
const maxAttributesBytes = 4096
/** The end of google.protobuf.Timestamp: the year 9999 is its last. */
const endOfTime = Date.UTC(10_000, 0)

// RFC 9110 section 8.3.1. No repeated part can begin with the character that ends it, so matching takes linear time even
// on hostile text.
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const quoted = '"(?:[\\t !#-\\[\\]-~]|\\\\[\\t -~])*"'
const mediaType = new RegExp(`^${token}/${token}(?:[\\t ]*;[\\t ]*${token}=(?:${token}|${quoted}))*$`)

function checkText(field: string, value: string, minBytes: number): void {
  const bytes = Buffer.byteLength(value)
  if (bytes < minBytes || bytes > maxIdBytes) {
    throw invalidField(field, `must be ${minBytes} to ${maxIdBytes} bytes of UTF-8, not ${bytes}`)
  }
  checkCharacters(field, value)
}

function checkCharacters(field: string, value: string): void {
  if (!value.includes('\ufffd')) return
  throw invalidField(field, 'must not contain U+FFFD: it may stand for bytes that were not UTF-8')
}

/** A user id must not be empty. */
export function checkUserId(userId: string): void {
  checkText('user_id', userId, 1)
}

/** The user id and record name of a request; the name may be empty. */
export function checkName({ userId, recordName }: { userId: string; recordName: string }): void {
  checkUserId(userId)
  checkText('record_name', recordName, 0)
}

/** The associated data of a caller. */
export function checkCallerAad(callerAad: Buffer): void {
  if (callerAad.length <= maxCallerAadBytes) return
  throw invalidField('caller_aad', `must be at most ${maxCallerAadBytes} bytes, not ${callerAad.length}`)
}

/** The contents of a record in one message, which must be given. */
export function dataOf({ data }: { data?: Buffer | undefined }, maxBytes: number): Buffer {
  if (data === undefined) throw invalidField('data', 'must be set; set it to no bytes to store an empty record')
  if (data.length <= maxBytes) return data
  throw invalidField(
    'data',
    `must be at most ${maxBytes} bytes, not ${data.length}; larger ones go through UploadRecord`,
  )
}

/** A key id (the etag of a record) that may be empty. */
export function checkKeyId(field: string, keyId: Buffer): void {
  if (keyId.length === 0 || keyId.length === keyIdBytes) return
  throw invalidField(field, `must be ${keyIdBytes} bytes, not ${keyId.length}`)
}

/** Checks the precondition of a write, which may be absent. */
export function checkPrecondition(precondition: Precondition | undefined): void {
  if (precondition === undefined) return
  const { condition } = precondition
  if (condition === undefined) throw invalidField('precondition', 'must hold a condition')
  if (condition.$case === 'absent' && !condition.value) throw invalidField('precondition.absent', 'must be true')
  if (condition.$case === 'keyId' && condition.value.length !== keyIdBytes) {
    throw invalidField('precondition.key_id', `must be ${keyIdBytes} bytes, not ${condition.value.length}`)
  }
}

/** Checks the expiry of a record, which may be absent. */
export function checkExpireTime(expireTime: Date | undefined, now: Date, { isRepeat = false } = {}): void {
  if (expireTime === undefined) return
  // The comparison is false for an invalid Date, too.
  if (!(expireTime.getTime() < endOfTime)) throw invalidField('expire_time', 'must be a time before the year 10000')
  // The first attempt of a repeat may have come in time; the back end finds out.
  if (expireTime <= now && !isRepeat) throw invalidField('expire_time', 'must be in the future')
}

/** The number of versions to keep; 0 leaves the record's own number. */
export function checkKeepVersions(keepVersions: number): void {
  if (Number.isInteger(keepVersions) && keepVersions >= 0 && keepVersions <= maxKeepVersions) return
  throw invalidField('keep_versions', `must be 1 to ${maxKeepVersions}, or 0 for the number the record has`)
}

/** The number of a version, which must be given. */
export function checkVersion(version: bigint): void {
  if (version <= 0n) throw invalidField('version', 'must be the number of a version')
}

/** The requested mode, or the default. */
export function modeOf(requested: KeyMode, defaultMode: Mode): Mode {
  if (requested === 0) return defaultMode
  if (!isMode(requested)) throw invalidField('key_mode', 'must be KEY_MODE_CLIENT, KEY_MODE_SERVER or KEY_MODE_SPLIT')
  return requested
}

/** Checks the attributes of a record, which may be absent. Errors never quote the values, which are secret. */
export function checkAttributes(attributes: RecordAttributes | undefined): void {
  if (attributes === undefined) return
  const { contentType, labels } = attributes
  if (contentType !== '' && !mediaType.test(contentType)) {
    throw invalidField('attributes.content_type', 'must be a media type, such as image/png')
  }
  checkLabels(Object.entries(labels))
  const { length } = encodeAttributes(attributes)
  if (length <= maxAttributesBytes) return
  throw invalidField('attributes', `must be at most ${maxAttributesBytes} bytes, not ${length}`)
}

function checkLabels(labels: [string, string][]): void {
  const field = 'attributes.labels'
  if (labels.length > maxLabels) throw invalidField(field, `must be at most ${maxLabels}, not ${labels.length}`)
  for (const [key, value] of labels) {
    for (const text of [key, value]) {
      checkCharacters(field, text)
      if (!text.isWellFormed()) throw invalidField(field, 'must be well-formed text')
    }
    // Every object has this property already, so readers would lose the label.
    if (key === '__proto__') throw invalidField(field, 'must not be named __proto__')
  }
}
