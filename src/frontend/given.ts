// Requests as callers of the typed client give them. Text that is not well formed is refused before it is encoded: the
// encoder would turn every lone surrogate into U+FFFD, and two ids into one.
import { type CallOptions, longestTimeoutMs, newCall } from '../core/client.js'
import { invalidField } from '../core/errors.js'

/** A request of which only `userId` must be given. */
export type Given<Request extends { userId: string }> = Partial<Request> & Pick<Request, 'userId'>

const protoNames: Record<string, string> = {
  userId: 'user_id',
  recordName: 'record_name',
  recordKey: 'record_key',
  pageToken: 'page_token',
}

/** The request itself; throws INVALID_REQUEST for text that could not be sent as it is. */
export function wellFormed<Request extends object>(request: Request): Request {
  for (const [name, value] of Object.entries(request)) {
    if (typeof value !== 'string' || value.isWellFormed()) continue
    throw invalidField(protoNames[name] ?? name, 'is not well-formed text: it has a lone surrogate')
  }
  return request
}

/** A stream lives as long as something moves on it; a deadline is for whoever wants one. */
export function streamCall(options: CallOptions = {}) {
  return newCall({ timeoutMs: longestTimeoutMs, ...options })
}
