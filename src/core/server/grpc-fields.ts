// The header fields of gRPC over HTTP/2: reads those of a request, makes those that begin and end a response.
import { status as codes, type StatusObject } from '@grpc/grpc-js'
import { invalidField, VaultError } from '../errors.js'
import { requestIdKey } from '../request-id.js'
import type { HeaderField, HeaderFields, RequestHeaders } from '../transport.js'

/** The largest list of trailers, as clients count it (RFC 9113 section 6.5.2): many accept 8 KiB. Larger ones are cut. */
const maxTrailerBytes = 8 * 1024
const fieldOverhead = 32

const timeoutUnits: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
const timeoutForm = /^(\d{1,8})([HMSmun])$/
/** A media type (RFC 9110 section 8.3.1), case-insensitive and with any parameters. We read no format but protobuf. */
const contentType = /^application\/grpc(?:\+proto)?[ \t]*(?:;|$)/i

/** The header fields that begin every response. One array, whose encoding the transport reuses. */
export const responseHeaders: HeaderFields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
]
const acceptEncoding: HeaderField = ['grpc-accept-encoding', 'identity']
const statusOk: HeaderField = ['grpc-status', '0']

/** The HTTP status that refuses a request which is not gRPC; undefined for a gRPC request. */
export function httpRefusal(headers: RequestHeaders): number | undefined {
  if (headers.get(':method') !== 'POST') return 405
  return contentType.test(headers.get('content-type') ?? '') ? undefined : 415
}

/** A response of only an HTTP status. */
export function httpStatus(status: number): HeaderFields {
  return [[':status', String(status)]]
}

/** The caller's deadline in milliseconds since 1970; undefined when it has none. Throws INVALID_REQUEST. */
export function deadlineOf(headers: RequestHeaders): number | undefined {
  const text = headers.get('grpc-timeout')
  if (text === undefined) return undefined
  const [, digits, unit = ''] = timeoutForm.exec(text) ?? []
  if (digits === undefined) throw invalidField('grpc-timeout', 'must be digits and one of H, M, S, m, u, n')
  return Date.now() + Number(digits) * (timeoutUnits[unit] as number)
}

/** Throws NOT_SUPPORTED for compressed messages. */
export function checkEncoding(headers: RequestHeaders): void {
  const encoding = headers.get('grpc-encoding') ?? 'identity'
  if (encoding !== 'identity')
    throw new VaultError('NOT_SUPPORTED', { message: 'compressed messages are not supported' })
}

/** The trailers of a call that succeeded. */
export function okTrailers(requestId: string): HeaderFields {
  return [statusOk, [requestIdKey, requestId]]
}

/** The trailers of a call that failed; fields that are too long for clients are left out, the shortest kept. */
export function statusTrailers({ code, details, metadata }: StatusObject): HeaderFields {
  const attached = Object.entries(metadata.toHttp2Headers())
    .flatMap(([name, values]) => [values].flat().map((value): HeaderField => [name, String(value)]))
    .toSorted((one, other) => sizeOf(one) - sizeOf(other))
  if (code === codes.UNIMPLEMENTED) attached.unshift(acceptEncoding)
  return fitting([['grpc-status', String(code)], ['grpc-message', encodeMessage(details)], ...attached])
}

/** The fields that fit the limit, in order; one that does not fit is skipped. */
function fitting(fields: HeaderField[]): HeaderField[] {
  let left = maxTrailerBytes
  return fields.filter((field) => {
    const size = sizeOf(field)
    if (size > left) return false
    left -= size
    return true
  })
}

function sizeOf([name, value]: HeaderField): number {
  return name.length + value.length + fieldOverhead
}

/** Percent-encodes everything but printable ASCII, and the percent sign (gRPC over HTTP/2, Percent-Encoded). */
function encodeMessage(text: string): string {
  return text.replace(/[^ -$&-~]+/g, (part) => encodeURIComponent(part))
}
