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
    const line = (outcome: object) => ({
      method: method.path,
      ms: Math.round((performance.now() - startedAt) * 100) / 100,
      requestBytes: call.request.length,
      requestId: context.requestId,
      ...outcome,
    })
    // A handler whose caller has gone still holds its place until it is done.
    const handled = admission.run(() => handle(method, handler, { frame: call.request, context }))
    Promise.race([handled, ended])
      .then((frame) => {
        callback(null, frame, trailer(context.requestId))
        log.info('call', line({ status: 'OK', responseBytes: frame.length }))
      })
      .catch((thrown: unknown) => {
        const error = asVaultError(thrown)
        callback(toGrpcStatus(error, context.requestId))
        const level = error.kind === 'internal' ? 'error' : 'info'
        log.log(level, 'call', line({ status: error.reason, ...(error.cause !== undefined && { cause: error.cause }) }))
      })
      .finally(close)
  }
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
