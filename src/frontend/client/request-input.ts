// Requests as callers of the typed client give them. Text that is not well formed is refused before it is encoded: the
// encoder would turn every lone surrogate into U+FFFD, and two ids into one.
import { type CallOptions, maxTimeoutMs, newCall } from '../../core/client/client.js'
import { invalidField } from '../../core/errors.js'
import type { RecordAttributes } from '../../gen/encserver/v1/frontend.js'

/** A request of which only `userId` must be given; of attributes, either may be. */
export type RequestInput<Request extends { userId: string }> = Pick<Request, 'userId'> & {
  [Name in keyof Request]?: Name extends 'attributes' ? Partial<RecordAttributes> | undefined : Request[Name]
}

const protoNames: Record<string, string> = {
  userId: 'user_id',
  recordName: 'record_name',
  recordKey: 'record_key',
  pageToken: 'page_token',
}

/** The request itself; throws INVALID_REQUEST for text that could not be sent as it is. */
export function wellFormed<Request extends object>(request: Request): Request {
  for (const [field, value] of [...Object.entries(request), ...attributeTexts(request)]) {
    if (typeof value !== 'string' || value.isWellFormed()) continue
    throw invalidField(protoNames[field] ?? field, 'is not well-formed text: it has a lone surrogate')
  }
  return request
}

function attributeTexts({ attributes = {} }: { attributes?: Partial<RecordAttributes> | undefined }) {
  const { contentType, labels = {} } = attributes
  // Every object has that name already: as a label it would be lost on the way.
  if (Object.hasOwn(labels, '__proto__')) throw invalidField('attributes.labels', 'must not be named __proto__')
  const texts = Object.entries(labels).flat()
  return [
    ['attributes.content_type', contentType] as const,
    ...texts.map((text) => ['attributes.labels', text] as const),
  ]
}

/** A stream lives as long as something moves on it; a deadline is for whoever wants one. */
export function streamCall(options: CallOptions = {}) {
  return newCall({ timeoutMs: maxTimeoutMs, ...options })
}
