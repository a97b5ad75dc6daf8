// Methods -> handlers of gRPC calls: request id, deadline, cancellation, admission, errors and the request's log line in
// one place. Frames are decoded and encoded here, so that a malformed one gets our answer and sizes are known.
import type { ServiceDefinition } from '@grpc/grpc-js'
import type { CallContext } from '../methods.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { openCall } from './call-context.js'
import { type AnyMethod, callNote, decode, levelOf, logLateFailure, outcomeOf, type Serving } from './call-log.js'
import type { IncomingCall } from './incoming-call.js'
import { type StreamHandler, streamHandler, type UploadHandler, uploadHandler } from './stream-handler.js'

type UnaryHandler = (request: unknown, call: CallContext) => Promise<unknown>

/** What answers the calls of a method. */
export type CallHandler = (call: IncomingCall) => void

/** The handlers of a service, by the path of their method. */
export function serviceHandlers(
  service: ServiceDefinition,
  methods: object,
  serving: Serving,
): Map<string, CallHandler> {
  const handlers = Object.entries(service).map(([name, method]) => {
    const handler = (methods as Record<string, unknown>)[name]
    if (handler === undefined) throw new Error(`no implementation of ${method.path}`)
    return [method.path, handlerOf(method, handler, serving)] as const
  })
  return new Map(handlers)
}

function handlerOf(method: AnyMethod, handler: unknown, serving: Serving): CallHandler {
  if (method.responseStream) return streamHandler(method, handler as StreamHandler, serving)
  if (method.requestStream) return uploadHandler(method, handler as UploadHandler, serving)
  return unaryHandler(method, handler as UnaryHandler, serving)
}

function unaryHandler(method: AnyMethod, handler: UnaryHandler, serving: Serving): CallHandler {
  const { log, admission, defaultDeadlineMs } = serving
  const times = { defaultMs: defaultDeadlineMs, receiveMs: defaultDeadlineMs }
  return (call) => {
    const { context, close } = openCall(call, times, (error) => settle(() => refuse(error)))
    const { requestId, signal } = context
    const note = callNote(log, method, requestId)
    let requestBytes = 0
    let settled = false
    const settle = (answer: () => void) => {
      if (settled) return
      settled = true
      close()
      try {
        answer()
      } catch (cause) {
        call.abort()
        note('error', { status: 'INTERNAL', cause })
      }
    }
    const answer = (frame: Buffer) => {
      void call.write(frame)
      call.end(requestId)
      note('info', { requestBytes, status: 'OK', responseBytes: frame.length })
    }
    const refuse = (thrown: unknown) => {
      const error = asVaultError(thrown)
      call.refuse(toGrpcStatus(error, requestId))
      note(levelOf(error), { requestBytes, ...outcomeOf(error) })
    }
    const handle = async () => {
      const frame = await call.readOnly()
      signal.throwIfAborted() // the caller may have gone behind its message
      const leave = admission.enter()
      try {
        requestBytes = frame.length
        return method.responseSerialize(await handler(decode(method, frame), context))
      } finally {
        leave() // a handler whose caller has gone has held its place until now
      }
    }
    handle().then(
      (frame) => settle(() => answer(frame)),
      (thrown) => (settled ? logLateFailure(note, signal)(thrown) : settle(() => refuse(thrown))),
    )
  }
}
