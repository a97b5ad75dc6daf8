// What a caller may say of a record. Fields are named, contents are not: they are the caller's, and are sealed.
import { invalidField } from '../../core/errors.js'
import type { RecordAttributes } from '../../gen/encserver/v1/frontend.js'
import { encodeAttributes } from '../vault/sealed-attributes.js'
import { checkCharacters } from './validate.js'

const maxLabels = 64
const maxAttributesBytes = 4096

// RFC 9110 section 8.3.1. What may repeat never begins with what may end it, so that a hostile text costs no more time
// than its length.
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const quoted = '"(?:[\\t !#-\\[\\]-~]|\\\\[\\t -~])*"'
const mediaType = new RegExp(`^${token}/${token}(?:[\\t ]*;[\\t ]*${token}=(?:${token}|${quoted}))*$`)

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
    // Every object has it already, so that readers would lose it.
    if (key === '__proto__') throw invalidField(field, 'must not be named __proto__')
  }
}
