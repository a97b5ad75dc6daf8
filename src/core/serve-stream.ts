// Streaming methods -> gRPC handlers. Streams get what unary calls get: request id, deadline, cancellation, admission, our
// errors, a log line. A slow reader holds the method back, a method that does not read holds its caller back, and a stream
// on which nothing moves is ended; an upload, when nothing comes of what is waited for.
import { setMaxListeners } from 'node:events'
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  StatusObject,
  sendUnaryData,
} from '@grpc/grpc-js'
import { openCall } from './call.js'
import { type IdleTimer, idleTimer } from './idle-timer.js'
import type { CallContext } from './methods.js'
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
import { messages, sender } from './stream-frames.js'

/** One request or many, and many answers. */
export type StreamHandler = (requests: unknown, call: CallContext) => AsyncIterable<unknown>
/** Many requests and one answer. */
export type UploadHandler = (requests: AsyncIterable<unknown>, call: CallContext) => Promise<unknown>

type Bidi = ServerDuplexStream<Frame, Frame>
type Outgoing = Bidi | ServerWritableStream<Frame, Frame>
type Incoming = Bidi | ServerReadableStream<Frame, Frame>

const defaultIdleMs = 60_000
// A stream may run for as long as something moves on it, unless its caller says otherwise.
const noDeadlineMs = 2 ** 31 - 1

export function streamHandler(method: AnyMethod, handler: StreamHandler, serving: Serving) {
  return (stream: Outgoing): void =>
    serveStream(
      { method, serving, stream },
      {
        async work({ context, received, answered, touch }) {
          const { signal } = context
          const requests = method.requestStream
            ? messages(stream as Bidi, { received }, signal)
            : received((stream as ServerWritableStream<Frame, Frame>).request)
          const send = sender(stream, touch, signal)
          for await (const response of handler(requests, context)) {
            signal.throwIfAborted()
            await send(answered(response))
          }
        },
        finish: (_, requestId) => stream.end(trailer(requestId)),
        refuse: (status) => stream.emit('error', status), // how grpc-js is told to end a stream with a status
      },
    )
}

export function uploadHandler(method: AnyMethod, handler: UploadHandler, serving: Serving) {
  return (stream: ServerReadableStream<Frame, Frame>, callback: sendUnaryData<Frame>): void =>
    serveStream(
      { method, serving, stream },
      {
        // Only its caller can be idle: what the method does for an answer has limits of its own.
        work: async ({ context, answered, ...reading }) =>
          answered(await handler(messages(stream, reading, context.signal), context)),
        finish: (frame, requestId) => callback(null, frame, trailer(requestId)),
        refuse: (status) => callback(status),
      },
    )
}

interface Served {
  method: AnyMethod
  serving: Serving
  stream: Incoming | Outgoing
}

/** What a method does on its stream, and how grpc-js is told of the end. */
interface Ends<T> {
  work(moving: Moving): Promise<T>
  finish(done: T, requestId: string): void
  refuse(status: StatusObject): void
}

/** What passes is counted, and keeps the stream alive. */
interface Moving {
  context: CallContext
  received(frame: Frame): unknown
  answered(response: unknown): Frame
  touch(): void
  during: IdleTimer['during']
}

function serveStream<T>({ method, serving, stream }: Served, { work, finish, refuse }: Ends<T>): void {
  const { log, admission, streamIdleMs = defaultIdleMs } = serving
  const { context, ended, close } = openCall(stream, noDeadlineMs)
  const { requestId } = context
  const moved = { requests: 0, requestBytes: 0, responses: 0, responseBytes: 0 }
  const note = callNote(log, method, requestId)
  const idle = idleTimer(streamIdleMs)
  const signal = signalOf(context.signal, idle.passed)
  const done = (result: T) => {
    finish(result, requestId)
    note('info', { ...moved, status: 'OK' })
  }
  const failed = (thrown: unknown) => {
    const error = asVaultError(thrown)
    refuse(toGrpcStatus(error, requestId))
    note(levelOf(error), { ...moved, ...outcomeOf(error) })
  }
  const worked = admission.run(() => work(moving({ ...context, signal }, { method, moved, idle })))
  Promise.race([worked, ended, idle.passed])
    .finally(() => {
      idle.stop()
      close()
    })
    .then(done, failed)
    .catch((cause: unknown) => note('error', { status: 'INTERNAL', cause }))
  // A handler whose caller has gone still holds its place until it is done, and its bugs are still told.
  worked.catch(lateNote(note, signal))
}

/** Aborts when the call ends, and when it is idle. */
function signalOf(call: AbortSignal, idle: Promise<never>): AbortSignal {
  const controller = new AbortController()
  call.addEventListener('abort', () => controller.abort(call.reason), { once: true })
  idle.catch((reason: unknown) => controller.abort(reason))
  setMaxListeners(0, controller.signal) // a stream may have many calls under way, which Node would take for a leak
  return controller.signal
}

interface Counters {
  method: AnyMethod
  moved: { requests: number; requestBytes: number; responses: number; responseBytes: number }
  idle: IdleTimer
}

function moving(context: CallContext, { method, moved, idle }: Counters): Moving {
  return {
    context,
    received(frame) {
      idle.touch()
      moved.requests += 1
      moved.requestBytes += frame.length
      return decode(method, frame)
    },
    answered(response) {
      const frame = method.responseSerialize(response)
      moved.responses += 1
      moved.responseBytes += frame.length
      return frame
    },
    touch: idle.touch,
    during: idle.during,
  }
}
