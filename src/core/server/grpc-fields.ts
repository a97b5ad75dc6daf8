// The header fields of gRPC over HTTP/2: what a request says of itself, and how answers begin and end.
import { status as codes, type StatusObject } from '@grpc/grpc-js'
import { invalidField, VaultError } from '../errors.js'
import { indexedField, literalField, literalWithName } from '../http2/hpack/encoder.js'
import type { RequestFields } from '../http2/request-fields.js'
import { requestIdKey } from '../request-id.js'

// Of the static table of HPACK.
const status200 = 8
const statusName = 8
const contentTypeName = 31

/** More than fits a frame, and some clients take less: then something is left out. */
const maxTrailerBytes = 8 * 1024

const timeoutUnits: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
const timeoutForm = /^(\d{1,8})([HMSmun])$/
const contentType = /^application\/grpc(?:[+;]|$)/

/** How every answer begins. */
export const headers = Buffer.concat([indexedField(status200), literalWithName(contentTypeName, 'application/grpc')])
const acceptEncoding = literalField('grpc-accept-encoding', 'identity')
const statusOk = literalField('grpc-status', '0')

/** The HTTP status that refuses what is no gRPC request; undefined for one that is. */
export function httpRefusal(fields: RequestFields): number | undefined {
  if (fields.get(':method') !== 'POST') return 405
  return contentType.test(fields.get('content-type') ?? '') ? undefined : 415
}

/** The block of an answer that is nothing but an HTTP status. */
export function httpStatus(status: number): Buffer {
  return literalWithName(statusName, String(status))
}

/** When the caller gives up, in milliseconds since 1970; undefined when it does not say. Throws INVALID_REQUEST. */
export function deadlineOf(fields: RequestFields): number | undefined {
  const text = fields.get('grpc-timeout')
  if (text === undefined) return undefined
  const [, digits, unit = ''] = timeoutForm.exec(text) ?? []
  if (digits === undefined) throw invalidField('grpc-timeout', 'must be digits and one of H, M, S, m, u, n')
  return Date.now() + Number(digits) * (timeoutUnits[unit] as number)
}

/** Throws NOT_SUPPORTED for messages that are compressed. */
export function checkEncoding(fields: RequestFields): void {
  const encoding = fields.get('grpc-encoding') ?? 'identity'
  if (encoding !== 'identity')
    throw new VaultError('NOT_SUPPORTED', { message: 'compressed messages are not supported' })
}

/** The block that ends an answer which came to its end. */
export function okTrailers(requestId: string): Buffer {
  return Buffer.concat([statusOk, literalField(requestIdKey, requestId)])
}

/** The block that ends an answer with a status. */
export function statusTrailers({ code, details, metadata }: StatusObject): Buffer {
  const said = Object.entries(metadata.toHttp2Headers())
    .flatMap(([name, values]) => [values].flat().map((value) => literalField(name, String(value))))
    .toSorted((one, other) => one.length - other.length)
  if (code === codes.UNIMPLEMENTED) said.unshift(acceptEncoding)
  const status = literalField('grpc-status', String(code))
  return Buffer.concat(fitting([status, literalField('grpc-message', encodeMessage(details)), ...said]))
}

/** The first fields, as many as there is room for, past any that is too long. */
function fitting(fields: Buffer[]): Buffer[] {
  let left = maxTrailerBytes
  return fields.filter(({ length }) => {
    if (length <= left) left -= length
    else return false
    return true
  })
}

/** Well-formed text, percent-encoded: what is not printable ASCII, and the percent sign. */
function encodeMessage(text: string): string {
  return text.replace(/[^ -$&-~]+/g, (part) => encodeURIComponent(part))
}
