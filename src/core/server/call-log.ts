// The log line of a call, and the parts that handlers of unary and streaming methods share. A line holds durations, sizes and
// errors, and never contents.
import type { MethodDefinition } from '@grpc/grpc-js'
import type { CallSignal } from '../concurrency/call-signal.js'
import { reasons, rootCause, VaultError } from '../errors.js'
import type { Logger } from '../log/log.js'
import { asVaultError } from '../status.js'
import type { Admission } from './admission.js'
import type { LeastRate } from './least-rate.js'
import type { Frame } from './message-reader.js'

/** What all handlers of a server share. */
export interface HandlerParts {
  log: Logger
  admission: Pick<Admission, 'enter'>
  /** The deadline of a unary call whose caller sets none, in milliseconds. */
  defaultDeadlineMs: number
  /** Idle timeout of a stream, in milliseconds; 60 s by default. */
  streamIdleMs?: number
  /** The least rate of transfers; none by default. */
  leastRate?: LeastRate | undefined
}

/** A method of a service, with the rules of its log line. */
export interface AnyMethod extends MethodDefinition<unknown, unknown> {
  /** Machines call the method all the time: a success is logged at `debug`. */
  isQuiet?: boolean
  /** The method moves a record of any size, so that its caller must keep the least rate. */
  isTransfer?: boolean
  /** The outcomes of the items that a response of a stream answers; `error` is a failure. */
  outcomesOf?(response: unknown): ({ $case: string } | undefined)[]
}

/** Decodes the message in a frame; throws INVALID_REQUEST for a malformed one. */
export function decode(method: AnyMethod, frame: Frame): unknown {
  try {
    return method.requestDeserialize(frame)
  } catch (cause) {
    throw new VaultError('INVALID_REQUEST', { message: 'the request is not a valid message of this method', cause })
  }
}

/** Writes the log line of a call. */
export type LogCall = (level: string, outcome: Outcome) => void

interface Outcome {
  status: string
  [field: string]: unknown
}

/** Makes the LogCall of a call that begins now. */
export function callLogger(log: Logger, { path, isQuiet }: AnyMethod, requestId: string): LogCall {
  const startedAt = performance.now()
  return (level, outcome) => {
    const ms = Math.round((performance.now() - startedAt) * 100) / 100
    log.log(isQuiet && outcome.status === 'OK' ? 'debug' : level, 'call', { method: path, ms, requestId, ...outcome })
  }
}

/** Logs the failure of an item, under the name `event`, in a call that as a whole succeeds. */
export function logItemFailure(log: Logger, event: string): (error: VaultError, requestId: string) => void {
  return (error, requestId) => {
    const level = levelOf(error)
    log.log(level === 'error' ? level : 'debug', event, { requestId, ...outcomeOf(error) })
  }
}

/** Logs the bug of a handler whose caller has gone, since no response reports it. */
export function logLateFailure(logCall: LogCall, signal: CallSignal): (thrown: unknown) => void {
  return (thrown) => {
    const error = asVaultError(thrown)
    if (signal.aborted && levelOf(error) === 'error') logCall('error', { ...outcomeOf(error), late: true })
  }
}

/** The log level of an error: `error` for bugs, damaged records and a store that refuses service, `info` for all others. */
export function levelOf({ kind, reason }: VaultError): string {
  return kind === 'internal' || kind === 'corrupt' || reason === 'STORE_REFUSED' ? 'error' : 'info'
}

/** The log fields of an error. The `cause` of one that needs an operator is complete, with stacks; otherwise it is a text. */
export function outcomeOf(error: VaultError): Outcome {
  const { reason, message, cause } = error
  const why = message === reasons[reason].message ? {} : { why: message }
  const loggedCause = levelOf(error) === 'error' ? cause : textOf(cause)
  // An error of another server is the cause of the same error here.
  const isNew = loggedCause !== undefined && !(typeof loggedCause === 'string' && loggedCause.endsWith(message))
  return { status: reason, ...why, ...(isNew && { cause: loggedCause }) }
}

// grpc-js reports every step of a failed connection in one message. The last one is the reason.
const connectionSteps = /^.*Last error: (Error: )?|\. Resolution note: $/gs

function textOf(cause: unknown): unknown {
  const root = rootCause(cause)
  const text = (root as Partial<Error> | undefined)?.message ?? root // a google.rpc.Status is no Error, but has a message
  return typeof text === 'string' ? text.replace(connectionSteps, '') : text
}

/** Counts the messages, bytes and items of a stream for its log line. */
export type StreamCounts = ReturnType<typeof streamCounts>

/** Makes the counts of a stream that begins now. Items are counted only for a method with `outcomesOf`. */
export function streamCounts({ outcomesOf }: AnyMethod) {
  const counts = { requests: 0, requestBytes: 0, responses: 0, responseBytes: 0 }
  const items = { items: 0, failedItems: 0 }
  return {
    countRequest({ length }: Frame): void {
      counts.requests += 1
      counts.requestBytes += length
    },
    countResponse(response: unknown, { length }: Frame): void {
      counts.responses += 1
      counts.responseBytes += length
      if (outcomesOf === undefined) return
      for (const outcome of outcomesOf(response)) {
        items.items += 1
        if (outcome?.$case === 'error') items.failedItems += 1
      }
    },
    /** The counts until now, as log fields. */
    fields: () => (outcomesOf === undefined ? counts : { ...counts, ...items }),
  }
}
