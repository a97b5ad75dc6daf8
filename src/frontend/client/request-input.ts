// The input of the typed client's methods. Text that is not well formed is refused before it is encoded: the encoder would
// turn every lone surrogate into U+FFFD, and so two ids into one.
import { type CallOptions, maxTimeoutMs, newCall } from '../../core/client/client.js'
import { invalidField } from '../../core/errors.js'
import type { RecordAttributes } from '../../gen/encserver/v1/frontend.js'

/** A request in which every field but `userId` is optional, and so is each attribute. */
export type RequestInput<Request extends { userId: string }> = Pick<Request, 'userId'> & {
  [Name in keyof Request]?: Name extends 'attributes' ? Partial<RecordAttributes> | undefined : Request[Name]
}

const protoNames: Record<string, string> = {
  userId: 'user_id',
  recordName: 'record_name',
  recordKey: 'record_key',
  pageToken: 'page_token',
}

/** Returns the request; throws INVALID_REQUEST for text that cannot be sent unchanged. */
export function wellFormed<Request extends object>(request: Request): Request {
  for (const [field, value] of [...Object.entries(request), ...attributeTexts(request)]) {
    if (typeof value !== 'string' || value.isWellFormed()) continue
    throw invalidField(protoNames[field] ?? field, 'is not well-formed text: it has a lone surrogate')
  }
  return request
}

function attributeTexts({ attributes = {} }: { attributes?: Partial<RecordAttributes> | undefined }) {
  const { contentType, labels = {} } = attributes
  // Every object has this property already, so the encoder would lose the label.
  if (Object.hasOwn(labels, '__proto__')) throw invalidField('attributes.labels', 'must not be named __proto__')
  const texts = Object.entries(labels).flat()
  return [
    ['attributes.content_type', contentType] as const,
    ...texts.map((text) => ['attributes.labels', text] as const),
  ]
}

/** The call of a stream: it has no deadline unless the caller sets one, since idle streams time out by themselves. */
export function streamCall(options: CallOptions = {}) {
  return newCall({ timeoutMs: maxTimeoutMs, ...options })
}
