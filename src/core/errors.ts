// The one error class. Each reason has one kind, and each kind has one gRPC and one HTTP status. Messages are lower case and
// contain no period, secret or id. docs/errors.md describes this file; a test compares them.
import { status } from '@grpc/grpc-js'

/** The kinds of errors, by how a caller can react, with their gRPC and HTTP status. */
export const kinds = {
  invalid: { grpc: status.INVALID_ARGUMENT, http: 400 },
  unauthenticated: { grpc: status.UNAUTHENTICATED, http: 401 },
  denied: { grpc: status.PERMISSION_DENIED, http: 403 },
  notFound: { grpc: status.NOT_FOUND, http: 404 },
  exists: { grpc: status.ALREADY_EXISTS, http: 409 },
  conflict: { grpc: status.ABORTED, http: 412 },
  precondition: { grpc: status.FAILED_PRECONDITION, http: 409 },
  range: { grpc: status.OUT_OF_RANGE, http: 416 },
  unsupported: { grpc: status.UNIMPLEMENTED, http: 501 },
  cancelled: { grpc: status.CANCELLED, http: 499 },
  exhausted: { grpc: status.RESOURCE_EXHAUSTED, http: 429 },
  corrupt: { grpc: status.DATA_LOSS, http: 500 },
  unavailable: { grpc: status.UNAVAILABLE, http: 503 },
  deadline: { grpc: status.DEADLINE_EXCEEDED, http: 504 },
  internal: { grpc: status.INTERNAL, http: 500 },
} as const

/** The name of a kind. */
export type Kind = keyof typeof kinds

/** The closed list of reasons, with their kind and standard message. */
export const reasons = {
  INVALID_REQUEST: { kind: 'invalid', message: 'the request is not valid' },
  RECORD_NOT_FOUND: { kind: 'notFound', message: 'no such record' },
  RECORD_KEY_MISMATCH: { kind: 'denied', message: 'the record key does not open this record' },
  RECORD_CORRUPT: { kind: 'corrupt', message: 'the stored record is damaged' },
  ALREADY_EXISTS: { kind: 'exists', message: 'there is a record of that name' },
  PRECONDITION_FAILED: { kind: 'conflict', message: 'the record has another version than expected' },
  RECORD_REPLACED: { kind: 'conflict', message: 'the record was replaced meanwhile; start again' },
  RECORD_TOO_LARGE: { kind: 'precondition', message: 'the record is too large for one message; download it' },
  RANGE_PAST_END: { kind: 'range', message: 'the range is past the end' },
  PART_NOT_FOUND: { kind: 'notFound', message: 'no such part' },
  TOKEN_REUSED: { kind: 'precondition', message: 'the token has stored other contents; make a new one for this write' },
  PARTS_MISSING: { kind: 'precondition', message: 'not all parts of the record are there' },
  CONTENTION: { kind: 'conflict', message: 'the user key changed meanwhile; try again' },
  KEYRING_MISMATCH: { kind: 'precondition', message: 'the store belongs to another keyring' },
  STORE_FORMAT: { kind: 'precondition', message: 'the store has a format this version does not know' },
  STORE_FULL: { kind: 'exhausted', message: 'the store has no space left; try again later' },
  OVERLOADED: { kind: 'exhausted', message: 'too many calls in flight; try again later' },
  BACKEND_UNAVAILABLE: { kind: 'unavailable', message: 'the back end cannot be reached; try again later' },
  STORE_UNAVAILABLE: { kind: 'unavailable', message: 'the store cannot be reached; try again later' },
  STORE_REFUSED: { kind: 'precondition', message: 'the store refuses what the back end needs; its operator must act' },
  UNREACHABLE: { kind: 'unavailable', message: 'the server cannot be reached' },
  OUTCOME_UNKNOWN: {
    kind: 'unavailable',
    message: 'the connection broke before the answer; the write may have happened',
  },
  NOT_SUPPORTED: { kind: 'unsupported', message: 'this server does not offer that' },
  DEADLINE_EXCEEDED: { kind: 'deadline', message: 'the deadline passed before the answer' },
  CANCELLED: { kind: 'cancelled', message: 'the caller cancelled the call' },
  INTERNAL: { kind: 'internal', message: 'internal error' },
} as const satisfies Record<string, { kind: Kind; message: string }>

/** The name of a reason. */
export type Reason = keyof typeof reasons

/** A field of a request that is not valid, and why (google.rpc.BadRequest). */
export interface FieldViolation {
  field: string
  description: string
}

interface VaultErrorOptions {
  /** Replaces the standard message. It must not contain a secret, an id or text of others. */
  message?: string
  fields?: FieldViolation[]
  retryAfterMs?: number
  requestId?: string
  /** For the log only: it never leaves the process. */
  cause?: unknown
}

/** The one error class. Its message may be shown to callers; its cause may not. */
export class VaultError extends Error {
  readonly reason: Reason
  readonly kind: Kind
  readonly fields: FieldViolation[]
  readonly retryAfterMs: number | undefined
  readonly requestId: string | undefined

  constructor(reason: Reason, options: VaultErrorOptions = {}) {
    super(options.message ?? reasons[reason].message, { cause: options.cause })
    this.name = 'VaultError'
    this.reason = reason
    this.kind = reasons[reason].kind
    this.fields = options.fields ?? []
    this.retryAfterMs = options.retryAfterMs
    this.requestId = options.requestId
  }
}

/** True if the error concerns one damaged record only. */
export function isCorrupt(error: unknown): boolean {
  return error instanceof VaultError && error.reason === 'RECORD_CORRUPT'
}

/** INVALID_REQUEST for a field; the description names the valid values. */
export function invalidField(field: string, description: string): VaultError {
  return new VaultError('INVALID_REQUEST', { message: `${field}: ${description}`, fields: [{ field, description }] })
}

/** True for a reason of this version's list. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text)
}

const maxCauses = 8 // a chain of causes may be a cycle

/** The end of a chain of causes: the message of an error, or any other value. */
export function rootCause(cause: unknown, max = maxCauses): unknown {
  if (!(cause instanceof Error)) return cause
  return cause.cause === undefined || max === 0 ? cause.message : rootCause(cause.cause, max - 1)
}
