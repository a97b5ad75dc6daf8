// Methods -> gRPC handlers: request id, deadline, cancellation, admission, errors and the request's log line in one place.
// Frames are decoded and encoded here, so that a malformed one gets our answer and sizes are known.
import type { ServerUnaryCall, ServiceDefinition, sendUnaryData, UntypedServiceImplementation } from '@grpc/grpc-js'
import { openCall } from './call.js'
import type { CallContext } from './methods.js'
import { type StreamHandler, streamHandler, type UploadHandler, uploadHandler } from './serve-stream.js'
import {
  type AnyMethod,
  callNote,
  decode,
  type Frame,
  lateNote,
  levelOf,
  outcomeOf,
  type Serving,
  trailer,
} from './serving.js'
import { asVaultError, toGrpcStatus } from './status.js'

type UnaryHandler = (request: unknown, call: CallContext) => Promise<unknown>

/** The handlers of a service, for its frame definition. */
export function serviceHandlers(service: ServiceDefinition, methods: object, serving: Serving) {
  const handlers: UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(service)) {
    const handler = (methods as Record<string, unknown>)[name]
    if (handler === undefined) throw new Error(`no implementation of ${method.path}`)
    handlers[name] = handlerOf(method, handler, serving)
  }
  return handlers
}

function handlerOf(method: AnyMethod, handler: unknown, serving: Serving) {
  if (method.responseStream) return streamHandler(method, handler as StreamHandler, serving)
  if (method.requestStream) return uploadHandler(method, handler as UploadHandler, serving)
  return unaryHandler(method, handler as UnaryHandler, serving)
}

function unaryHandler(method: AnyMethod, handler: UnaryHandler, { log, admission, defaultDeadlineMs }: Serving) {
  return (call: ServerUnaryCall<Frame, Frame>, callback: sendUnaryData<Frame>): void => {
    const { context, ended, close } = openCall(call, defaultDeadlineMs)
    const { requestId, signal } = context
    const requestBytes = call.request.length
    const note = callNote(log, method, requestId)
    const answer = (frame: Frame) => {
      callback(null, frame, trailer(requestId))
      note('info', { requestBytes, status: 'OK', responseBytes: frame.length })
    }
    const refuse = (thrown: unknown) => {
      const error = asVaultError(thrown)
      callback(toGrpcStatus(error, requestId))
      note(levelOf(error), { requestBytes, ...outcomeOf(error) })
    }
    // A handler whose caller has gone still holds its place until it is done, and its bugs are still told.
    const handled = admission.run(() => handle(method, handler, { frame: call.request, context }))
    Promise.race([handled, ended])
      .finally(close)
      .then(answer, refuse)
      .catch((cause: unknown) => note('error', { status: 'INTERNAL', cause })) // it could not be answered
    handled.catch(lateNote(note, signal))
  }
}

async function handle(method: AnyMethod, handler: UnaryHandler, call: { frame: Frame; context: CallContext }) {
  return method.responseSerialize(await handler(decode(method, call.frame), call.context))
}
