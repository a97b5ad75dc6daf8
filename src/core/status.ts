// VaultError <-> gRPC status. The details are google.rpc messages in the standard trailer, so that clients in any
// language read the reason without parsing text.
import { status as codes, Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js'
import type { Any } from '../gen/google/protobuf/any.js'
import { BadRequest, ErrorInfo, RequestInfo, RetryInfo } from '../gen/google/rpc/error_details.js'
import { Status } from '../gen/google/rpc/status.js'
import { isReason, kinds, MessageTooLarge, type Reason, VaultError } from './errors.js'
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

/** The google.rpc.Status of an error: what a caller may know of it. */
export function toRpcStatus(error: VaultError, requestId: string): Status {
  const code = error instanceof MessageTooLarge ? codes.RESOURCE_EXHAUSTED : kinds[error.kind].grpc
  return { code, message: error.message, details: detailsOf(error, requestId) }
}

/** What a gRPC server answers for an error. */
export function toGrpcStatus(error: VaultError, requestId: string): StatusObject {
  const rpcStatus = toRpcStatus(error, requestId)
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  metadata.set(detailsKey, Buffer.from(Status.encode(rpcStatus).finish()))
  return { code: rpcStatus.code, details: rpcStatus.message.toWellFormed(), metadata }
}

/** Anything thrown becomes a VaultError; what is not one is a bug, and leaves as "internal error". */
export function asVaultError(thrown: unknown): VaultError {
  return thrown instanceof VaultError ? thrown : new VaultError('INTERNAL', { cause: thrown })
}

// What a status without our details means: it was made by gRPC itself or by something between. A caller knows its own
// cancellation by its signal; any other is a server that cut the call when it went down.
const bareReasons: Partial<Record<codes, Reason>> = {
  [codes.INVALID_ARGUMENT]: 'INVALID_REQUEST',
  [codes.UNAVAILABLE]: 'UNREACHABLE',
  [codes.CANCELLED]: 'UNREACHABLE',
  [codes.DEADLINE_EXCEEDED]: 'DEADLINE_EXCEEDED',
  [codes.UNIMPLEMENTED]: 'NOT_SUPPORTED',
}

/** What grpc-js says of calls whose connection has ended: with ENHANCE_YOUR_CALM, and after its server had asked it to go. */
const connectionEnded = [
  'Bandwidth exhausted or memory limit exceeded',
  'Received RST_STREAM with code 0 (Call ended without gRPC status)',
]

function fromBareStatus(error: ServiceError): VaultError {
  if (connectionEnded.includes(error.details)) return new VaultError('UNREACHABLE', { cause: error })
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
  const reason = isReason(info.reason) ? info.reason : bareReasons[status.code as codes] // a newer server's: by its code
  return new VaultError(reason ?? 'INTERNAL', {
    message: status.message,
    fields: violations.map(({ field, description }) => ({ field, description })),
    ...(retry && { retryAfterMs: Number(retry.seconds) * 1000 + retry.nanos / 1_000_000 }),
    ...(requestId && { requestId }),
    cause,
  })
}

/** The VaultError that a server's answer stands for. */
export function fromServiceError(error: ServiceError): VaultError {
  const [encoded] = error.metadata?.get(detailsKey) ?? []
  if (!Buffer.isBuffer(encoded)) return fromBareStatus(error)
  try {
    return fromDetails(Status.decode(encoded), error) ?? fromBareStatus(error)
  } catch (cause) {
    return new VaultError('INTERNAL', { message: 'the server sent an unreadable status', cause })
  }
}

/** The same for a status inside a message. */
export function fromRpcStatus(status: Status): VaultError {
  const error = new VaultError(bareReasons[status.code as codes] ?? 'INTERNAL', { cause: status })
  try {
    return fromDetails(status, status) ?? error
  } catch {
    return error // with details that cannot be read
  }
}
