// Promise methods -> gRPC handlers: request id, deadline, cancellation, admission, errors and the request's log line in
// one place. Frames are decoded and encoded here, so that a malformed one gets our answer and sizes are known.
import {
  Metadata,
  type MethodDefinition,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Admission } from './admission.js'
import { openCall } from './call.js'
import { VaultError } from './errors.js'
import type { Logger } from './log.js'
import type { CallContext } from './methods.js'
import { requestIdKey } from './request-id.js'
import { asVaultError, toGrpcStatus } from './status.js'

/** What all services of a server share. */
export interface Serving {
  log: Logger
  admission: Admission
  /** What a caller without a deadline gets. */
  defaultDeadlineMs: number
}

type Frame = Buffer
type Handler = (request: unknown, call: CallContext) => Promise<unknown>
type UnaryMethod = MethodDefinition<unknown, unknown>

/** A service definition whose messages are their encoded frames. */
export function frameDefinition(service: ServiceDefinition): ServiceDefinition {
  const same = (frame: Frame) => frame
  const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, { ...method, ...raw }]))
}

/** The handlers of a service, for its frame definition. */
export function serviceHandlers(service: ServiceDefinition, methods: object, serving: Serving) {
  const handlers: UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(service)) {
    const handler = (methods as Record<string, Handler | undefined>)[name]
    if (handler === undefined) throw new Error(`no implementation of ${method.path}`)
    handlers[name] = unaryHandler(method, handler, serving)
  }
  return handlers
}

function unaryHandler(method: UnaryMethod, handler: Handler, { log, admission, defaultDeadlineMs }: Serving) {
  return (call: ServerUnaryCall<Frame, Frame>, callback: sendUnaryData<Frame>): void => {
    const startedAt = performance.now()
    const { context, ended, close } = openCall(call, defaultDeadlineMs)
    const { requestId, signal } = context
    const note = (level: string, outcome: object) => {
      const ms = Math.round((performance.now() - startedAt) * 100) / 100
      log.log(level, 'call', { method: method.path, ms, requestBytes: call.request.length, requestId, ...outcome })
    }
    const answer = (frame: Frame) => {
      callback(null, frame, trailer(requestId))
      note('info', { status: 'OK', responseBytes: frame.length })
    }
    const refuse = (thrown: unknown) => {
      const error = asVaultError(thrown)
      callback(toGrpcStatus(error, requestId))
      note(levelOf(error), outcomeOf(error))
    }
    // A handler whose caller has gone still holds its place until it is done, and its bugs are still told.
    const handled = admission.run(() => handle(method, handler, { frame: call.request, context }))
    const failedLate = (thrown: unknown) => {
      const error = asVaultError(thrown)
      if (signal.aborted && levelOf(error) === 'error') note('error', { ...outcomeOf(error), late: true })
    }
    Promise.race([handled, ended])
      .finally(close)
      .then(answer, refuse)
      .catch((cause: unknown) => note('error', { status: 'INTERNAL', cause })) // it could not be answered
    handled.catch(failedLate)
  }
}

// Bugs and damaged records are for an operator; all else is between the service and its caller.
function levelOf({ kind }: VaultError): string {
  return kind === 'internal' || kind === 'corrupt' ? 'error' : 'info'
}

function outcomeOf({ reason, cause }: VaultError): object {
  return { status: reason, ...(cause !== undefined && { cause }) }
}

async function handle(method: UnaryMethod, handler: Handler, call: { frame: Frame; context: CallContext }) {
  return method.responseSerialize(await handler(decode(method, call.frame), call.context))
}

function decode(method: UnaryMethod, frame: Frame): unknown {
  try {
    return method.requestDeserialize(frame)
  } catch (cause) {
    throw new VaultError('INVALID_REQUEST', { message: 'the request is not a valid message of this method', cause })
  }
}

function trailer(requestId: string): Metadata {
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  return metadata
}
