// gRPC handlers of the methods of a service: request id, deadline, cancellation, admission, errors and the log line in one
// place. Frames are decoded and encoded here, so that a malformed request gets our error and the sizes can be logged.
import type { ServiceDefinition } from '@grpc/grpc-js'
import type { CallContext } from '../methods.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { openCall } from './call-context.js'
import {
  type AnyMethod,
  callLogger,
  decode,
  type HandlerParts,
  levelOf,
  logLateFailure,
  outcomeOf,
} from './call-log.js'
import type { IncomingCall } from './incoming-call.js'
import { type StreamMethod, streamHandler, type UploadMethod, uploadHandler } from './stream-handler.js'

type UnaryMethod = (request: unknown, call: CallContext) => Promise<unknown>

/** Answers the calls of a method. */
export type CallHandler = (call: IncomingCall) => void

/** Makes the handlers of a service, by the paths of their methods; throws if `methods` lacks one. */
export function serviceHandlers(
  service: ServiceDefinition,
  methods: object,
  parts: HandlerParts,
): Map<string, CallHandler> {
  const handlers = Object.entries(service).map(([name, method]) => {
    const implementation = (methods as Record<string, unknown>)[name]
    if (implementation === undefined) throw new Error(`no implementation of ${method.path}`)
    return [method.path, handlerOf(method, implementation, parts)] as const
  })
  return new Map(handlers)
}

function handlerOf(method: AnyMethod, implementation: unknown, parts: HandlerParts): CallHandler {
  if (method.responseStream) return streamHandler(method, implementation as StreamMethod, parts)
  if (method.requestStream) return uploadHandler(method, implementation as UploadMethod, parts)
  return unaryHandler(method, implementation as UnaryMethod, parts)
}

function unaryHandler(method: AnyMethod, implementation: UnaryMethod, parts: HandlerParts): CallHandler {
  const { log, admission, defaultDeadlineMs } = parts
  const timeouts = { defaultMs: defaultDeadlineMs, receiveMs: defaultDeadlineMs }
  return (call) => {
    const { context, close } = openCall(call, timeouts, (error) => settle(() => refuse(error)))
    const { requestId, signal } = context
    const logCall = callLogger(log, method, requestId)
    let requestBytes = 0
    let settled = false
    let leave: (() => void) | undefined
    const settle = (answer: () => void) => {
      if (settled) return
      settled = true
      close()
      try {
        answer()
      } catch (cause) {
        call.abort()
        logCall('error', { status: 'INTERNAL', cause })
      }
    }
    const answer = (frame: Buffer) => {
      void call.write(frame)
      call.end(requestId)
      logCall('info', { requestBytes, status: 'OK', responseBytes: frame.length })
    }
    const refuse = (thrown: unknown) => {
      const error = asVaultError(thrown)
      call.refuse(toGrpcStatus(error, requestId))
      logCall(levelOf(error), { requestBytes, ...outcomeOf(error) })
    }
    const handle = async () => {
      const frame = await call.readOnly()
      signal.throwIfAborted() // a cancellation may follow the message at once
      leave = admission.enter()
      requestBytes = frame.length
      return method.responseSerialize(await implementation(decode(method, frame), context))
    }
    handle()
      .then(
        (frame) => settle(() => answer(frame)),
        (thrown) => (settled ? logLateFailure(logCall, signal)(thrown) : settle(() => refuse(thrown))),
      )
      // A method whose caller has gone holds its place, and so does an answer that its caller does not take.
      .finally(() => leave && call.whenSent(leave))
  }
}
