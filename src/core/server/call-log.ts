// What the handlers of unary and streaming methods share: decoding, and the log line.
import type { MethodDefinition } from '@grpc/grpc-js'
import type { CallSignal } from '../call-signal.js'
import { firstCause, reasons, VaultError } from '../errors.js'
import type { Logger } from '../log/log.js'
import { asVaultError } from '../status.js'
import type { Admission } from './admission.js'
import type { Frame } from './message-reader.js'

/** What all services of a server share. */
export interface Serving {
  log: Logger
  admission: Pick<Admission, 'run' | 'enter'>
  /** What a caller without a deadline gets. */
  defaultDeadlineMs: number
  /** A stream on which nothing moves for that long is ended; 60 s unless set. */
  streamIdleMs?: number
}

/** A method as a service offers it, with what sets its line in the log apart. */
export interface AnyMethod extends MethodDefinition<unknown, unknown> {
  /** Machines ask it again and again: what succeeds is logged at debug. */
  isQuiet?: boolean
  /** Of a stream of items: what became of those that a response answers; `error` is a failure. */
  outcomesOf?(response: unknown): ({ $case: string } | undefined)[]
}

/** The message in a frame; INVALID_REQUEST for a malformed one. */
export function decode(method: AnyMethod, frame: Frame): unknown {
  try {
    return method.requestDeserialize(frame)
  } catch (cause) {
    throw new VaultError('INVALID_REQUEST', { message: 'the request is not a valid message of this method', cause })
  }
}

/** Writes a call's line, with its duration and sizes; its contents never. */
export type Note = (level: string, outcome: Outcome) => void

interface Outcome {
  status: string
  [field: string]: unknown
}

/** The line of a call that begins now. */
export function callNote(log: Logger, { path, isQuiet }: AnyMethod, requestId: string): Note {
  const startedAt = performance.now()
  return (level, outcome) => {
    const ms = Math.round((performance.now() - startedAt) * 100) / 100
    log.log(isQuiet && outcome.status === 'OK' ? 'debug' : level, 'call', { method: path, ms, requestId, ...outcome })
  }
}

/** Logs what failed inside a call that as a whole succeeded, such as an item of a stream. */
export function logItemFailure(log: Logger, part: string): (error: VaultError, requestId: string) => void {
  return (error, requestId) => {
    const level = levelOf(error)
    log.log(level === 'error' ? level : 'debug', part, { requestId, ...outcomeOf(error) })
  }
}

// Bugs and damaged records are for an operator; all else is between the service and its caller.
export function levelOf({ kind }: VaultError): string {
  return kind === 'internal' || kind === 'corrupt' ? 'error' : 'info'
}

/** Why it failed, where the reason does not say all; of what is for an operator with all its causes and their stacks. */
export function outcomeOf(error: VaultError): Outcome {
  const { reason, message, cause } = error
  const why = message === reasons[reason].message ? {} : { why: message }
  const behind = levelOf(error) === 'error' ? cause : wordsOf(cause)
  // What another server answered is the cause of the same error here.
  const saysMore = behind !== undefined && !(typeof behind === 'string' && behind.endsWith(message))
  return { status: reason, ...why, ...(saysMore && { cause: behind }) }
}

// grpc-js tells a long story of a connection that is not there: how it ends is why.
const story = /^.*Last error: (Error: )?|\. Resolution note: $/gs

function wordsOf(cause: unknown): unknown {
  const first = firstCause(cause)
  const words = (first as Partial<Error> | undefined)?.message ?? first // a status inside a message is no error, but has one
  return typeof words === 'string' ? words.replace(story, '') : words
}

/** Tells the bug of a handler whose caller has gone: nobody else hears of it. */
export function logLateFailure(note: Note, signal: CallSignal): (thrown: unknown) => void {
  return (thrown) => {
    const error = asVaultError(thrown)
    if (signal.aborted && levelOf(error) === 'error') note('error', { ...outcomeOf(error), late: true })
  }
}
