// Validation of a request's header fields (RFC 9113 sections 8.2 and 8.3).
import type { RequestHeaders } from '../transport.js'

const pseudoBits = new Map([
  [':method', 1],
  [':scheme', 2],
  [':path', 4],
  [':authority', 8],
])
/** Connection-specific fields of HTTP/1.1 (section 8.2.2). */
const connectionNames = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const wellFormedName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const malformedValue = /[\0\r\n]/
const digits = /^\d{1,15}$/

/** The header fields of a request, as a list of names and values in turn. */
export class RequestFields implements RequestHeaders {
  readonly #list: readonly string[]

  constructor(list: readonly string[]) {
    this.#list = list
  }

  /** The value of the first field of that name. */
  get(name: string): string | undefined {
    const list = this.#list
    for (let at = 0; at < list.length; at += 2) if (list[at] === name) return list[at + 1]
    return undefined
  }

  /** The announced size of the body in bytes; undefined when the request announces none. */
  get contentLength(): number | undefined {
    const text = this.get('content-length')
    return text === undefined ? undefined : Number(text)
  }
}

/** Checks the fields of a request; returns undefined if they are malformed (section 8.1.1). */
export function requestFields(list: readonly string[]): RequestFields | undefined {
  const start = pseudoFieldsEnd(list)
  const fields = new RequestFields(list)
  const complete = start !== undefined && fields.get(':method') && fields.get(':scheme') && fields.get(':path')
  return complete && areWellFormed(list, start) ? fields : undefined
}

/** True for fields that may end a request: well-formed, without pseudo-header fields (section 8.1). */
export function areTrailers(list: readonly string[]): boolean {
  return areWellFormed(list, 0)
}

/** The index behind the pseudo-header fields, which come first and once; undefined if one is repeated or unknown. */
function pseudoFieldsEnd(list: readonly string[]): number | undefined {
  let seen = 0
  let at = 0
  for (; list[at]?.startsWith(':'); at += 2) {
    const bit = pseudoBits.get(list[at] as string)
    if (bit === undefined || (seen & bit) !== 0) return undefined
    seen |= bit
  }
  return at
}

function areWellFormed(list: readonly string[], start: number): boolean {
  for (let at = start; at < list.length; at += 2) {
    if (!isWellFormed(list[at] as string, list[at + 1] as string)) return false
  }
  return true
}

function isWellFormed(name: string, value: string): boolean {
  if (!wellFormedName.test(name) || malformedValue.test(value) || connectionNames.has(name)) return false
  if (name === 'te') return value === 'trailers'
  return name !== 'content-length' || digits.test(value)
}
