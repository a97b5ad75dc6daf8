// Conversion between VaultError and gRPC status. The details are google.rpc messages in the standard trailer, so that clients
// in any language can read the reason without parsing text.
import { status as codes, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import type { Any } from '../gen/google/protobuf/any.js'
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../gen/google/rpc/error_details.js'
import { Status } from '../gen/google/rpc/status.js'
import { isReason, kinds, type Reason, VaultError } from './errors.js'
import { requestIdKey } from './request-id.js'

const detailsKey = 'grpc-status-details-bin'
const domain = 'encserver'
const typePrefix = 'type.googleapis.com/google.rpc.'

interface Encoder<T> {
  encode(message: T): { finish(): Uint8Array }
}

function pack<T>(name: string, encoder: Encoder<T>, message: T): Any {
  return { typeUrl: typePrefix + name, value: Buffer.from(encoder.encode(message).finish()) }
}

function duration(ms: number): { seconds: bigint; nanos: number } {
  const whole = Math.ceil(ms)
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 }
}

function detailsOf(error: VaultError, requestId: string): Any[] {
  const { reason, fields, retryAfterMs } = error
  const fieldViolations = fields.map((f) => ({ ...f, reason: '', localizedMessage: undefined }))
  return [
    pack('ErrorInfo', ErrorInfo, { reason, domain, metadata: {} }),
    pack('RequestInfo', RequestInfo, { requestId, servingData: '' }),
    ...(fields.length > 0 ? [pack('BadRequest', BadRequest, { fieldViolations })] : []),
    ...(retryAfterMs === undefined ? [] : [pack('RetryInfo', RetryInfo, { retryDelay: duration(retryAfterMs) })]),
  ]
}

/** Converts an error to a google.rpc.Status, without its cause. */
export function toRpcStatus(error: VaultError, requestId: string): Status {
  return { code: kinds[error.kind].grpc, message: error.message, details: detailsOf(error, requestId) }
}

/** Converts an error to the status and trailers of a gRPC response. */
export function toGrpcStatus(error: VaultError, requestId: string): StatusObject {
  const rpcStatus = toRpcStatus(error, requestId)
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  metadata.set(detailsKey, Buffer.from(Status.encode(rpcStatus).finish()))
  return { code: rpcStatus.code, details: rpcStatus.message.toWellFormed(), metadata }
}

/** Converts anything thrown to a VaultError. Any other value is a bug, and becomes INTERNAL. */
export function asVaultError(thrown: unknown): VaultError {
  return thrown instanceof VaultError ? thrown : new VaultError('INTERNAL', { cause: thrown })
}

// The reasons of a status without our details, which gRPC itself or a proxy has made. CANCELLED means that a server went down
// during the call: the caller's own cancellation is known by its signal.
const bareReasons: Partial<Record<codes, Reason>> = {
  [codes.INVALID_ARGUMENT]: 'INVALID_REQUEST',
  [codes.UNAVAILABLE]: 'UNREACHABLE',
  [codes.CANCELLED]: 'UNREACHABLE',
  [codes.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [codes.UNIMPLEMENTED]: 'NOT_SUPPORTED',
}

/** The texts of grpc-js for a connection that ended with ENHANCE_YOUR_CALM, and for one that ended after a GOAWAY. */
const connectionEndedTexts = [
  'Bandwidth exhausted or memory limit exceeded',
  'Received RST_STREAM with code 0 (Call ended without gRPC status)',
]

function fromBareStatus(error: ServiceError): VaultError {
  if (connectionEndedTexts.includes(error.details)) return new VaultError('UNREACHABLE', { cause: error })
  if (error.code === codes.RESOURCE_EXHAUSTED) {
    const message = 'a message is larger than the receiver accepts'
    return new VaultError('INVALID_REQUEST', { message, cause: error })
  }
  return new VaultError(bareReasons[error.code] ?? 'INTERNAL', { cause: error })
}

function find<T>(status: Status, name: string, decode: (bytes: Uint8Array) => T): T | undefined {
  const any = status.details.find((detail) => detail.typeUrl === typePrefix + name)
  return any === undefined ? undefined : decode(any.value)
}

function fromDetails(status: Status, cause: unknown): VaultError | undefined {
  const info = find(status, 'ErrorInfo', ErrorInfo.decode)
  if (info?.domain !== domain) return undefined
  const retry = find(status, 'RetryInfo', RetryInfo.decode)?.retryDelay
  const requestId = find(status, 'RequestInfo', RequestInfo.decode)?.requestId
  const violations = find(status, 'BadRequest', BadRequest.decode)?.fieldViolations ?? []
  const reason = isReason(info.reason) ? info.reason : bareReasons[status.code as codes] // a newer server may have reasons that this version does not know
  return new VaultError(reason ?? 'INTERNAL', {
    message: status.message,
    fields: violations.map(({ field, description }) => ({ field, description })),
    ...(retry && { retryAfterMs: Number(retry.seconds) * 1000 + retry.nanos / 1_000_000 }),
    ...(requestId && { requestId }),
    cause,
  })
}

/** Converts the error of a gRPC call to a VaultError. */
export function fromServiceError(error: ServiceError): VaultError {
  const [encoded] = error.metadata?.get(detailsKey) ?? []
  if (!Buffer.isBuffer(encoded)) return fromBareStatus(error)
  try {
    return fromDetails(Status.decode(encoded), error) ?? fromBareStatus(error)
  } catch (cause) {
    return new VaultError('INTERNAL', { message: 'the server sent an unreadable status', cause })
  }
}

/** Converts a status inside a message to a VaultError. */
export function fromRpcStatus(status: Status): VaultError {
  const error = new VaultError(bareReasons[status.code as codes] ?? 'INTERNAL', { cause: status })
  try {
    return fromDetails(status, status) ?? error
  } catch {
    return error // the details are malformed
  }
}
