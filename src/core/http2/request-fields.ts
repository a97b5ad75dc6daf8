// The header fields of a request, checked (RFC 9113 sections 8.2 and 8.3).

const pseudoBits = new Map([
  [':method', 1],
  [':scheme', 2],
  [':path', 4],
  [':authority', 8],
])
/** Section 8.2.2: they belong to HTTP/1.1. */
const connectionNames = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const wellFormedName = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
const malformedValue = /[\0\r\n]/
const digits = /^\d{1,15}$/

export class RequestFields {
  readonly #list: readonly string[]

  constructor(list: readonly string[]) {
    this.#list = list
  }

  /** The first field of that name. */
  get(name: string): string | undefined {
    const list = this.#list
    for (let at = 0; at < list.length; at += 2) if (list[at] === name) return list[at + 1]
    return undefined
  }

  /** The bytes announced; undefined when none were. */
  get contentLength(): number | undefined {
    const text = this.get('content-length')
    return text === undefined ? undefined : Number(text)
  }
}

/** The fields of a request; undefined for a malformed one. */
export function requestFields(list: readonly string[]): RequestFields | undefined {
  const start = pseudoFields(list)
  const fields = new RequestFields(list)
  const whole = start !== undefined && fields.get(':method') && fields.get(':scheme') && fields.get(':path')
  return whole && areWellFormed(list, start) ? fields : undefined
}

/** Whether they can end a request: fields without pseudo fields. */
export function areTrailers(list: readonly string[]): boolean {
  return areWellFormed(list, 0)
}

/** How many entries of the list the pseudo fields take, which come first and once; undefined if they are wrong. */
function pseudoFields(list: readonly string[]): number | undefined {
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
