// Streaming methods -> gRPC handlers. Streams get what unary calls get: request id, deadline, cancellation, admission, our
// errors, a log line. A slow reader holds the method back, a method that does not read holds its caller back, and a stream
// on which nothing moves is ended.
import { setMaxListeners } from 'node:events'
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js'
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

export type StreamHandler = (requests: unknown, call: CallContext) => AsyncIterable<unknown>

type Bidi = ServerDuplexStream<Frame, Frame>
type Stream = Bidi | ServerWritableStream<Frame, Frame>

const defaultIdleMs = 60_000
// A stream may run for as long as something moves on it, unless its caller says otherwise.
const noDeadlineMs = 2 ** 31 - 1
/** What waits for a slow reader before the method does: this much, or one larger frame. */
const maxUnsentBytes = 256 * 1024
const frameOverhead = 64

export function streamHandler(method: AnyMethod, handler: StreamHandler, serving: Serving) {
  const { log, admission, streamIdleMs = defaultIdleMs } = serving
  return (stream: Stream): void => {
    const { context, ended, close } = openCall(stream, noDeadlineMs)
    const { requestId } = context
    const moved = { requests: 0, requestBytes: 0, responses: 0, responseBytes: 0 }
    const note = callNote(log, method, requestId)
    const idle = idleTimer(streamIdleMs)
    const signal = signalOf(context.signal, idle.passed)
    const finish = () => {
      stream.end(trailer(requestId))
      note('info', { ...moved, status: 'OK' })
    }
    const refuse = (thrown: unknown) => {
      const error = asVaultError(thrown)
      stream.emit('error', toGrpcStatus(error, requestId)) // how grpc-js is told to end a stream with a status
      note(levelOf(error), { ...moved, ...outcomeOf(error) })
    }
    const pumped = admission.run(() => pump({ method, handler, stream, moved, idle }, { ...context, signal }))
    Promise.race([pumped, ended, idle.passed])
      .finally(() => {
        idle.stop()
        close()
      })
      .then(finish, refuse)
      .catch((cause: unknown) => note('error', { status: 'INTERNAL', cause }))
    // A handler whose caller has gone still holds its place until it is done, and its bugs are still told.
    pumped.catch(lateNote(note, signal))
  }
}

/** Aborts when the call ends, and when it is idle. */
function signalOf(call: AbortSignal, idle: Promise<never>): AbortSignal {
  const controller = new AbortController()
  call.addEventListener('abort', () => controller.abort(call.reason), { once: true })
  idle.catch((reason: unknown) => controller.abort(reason))
  setMaxListeners(0, controller.signal) // a stream may have many calls under way, which Node would take for a leak
  return controller.signal
}

interface Pump {
  method: AnyMethod
  handler: StreamHandler
  stream: Stream
  moved: { requests: number; requestBytes: number; responses: number; responseBytes: number }
  idle: IdleTimer
}

async function pump({ method, handler, stream, moved, idle }: Pump, context: CallContext): Promise<void> {
  const { signal } = context
  const received = (frame: Frame) => {
    idle.touch()
    moved.requests += 1
    moved.requestBytes += frame.length
    return decode(method, frame)
  }
  const requests = method.requestStream
    ? messages(stream as Bidi, received, signal)
    : received((stream as ServerWritableStream<Frame, Frame>).request)
  const send = sender(stream, idle.touch, signal)
  for await (const response of handler(requests, context)) {
    signal.throwIfAborted()
    const frame = method.responseSerialize(response)
    moved.responses += 1
    moved.responseBytes += frame.length
    await send(frame)
  }
}

/** Sends frames; what it returns resolves when there is room for another. */
function sender(stream: Stream, sent: () => void, signal: AbortSignal) {
  let unsentBytes = 0
  let room = (): void => undefined
  return (frame: Frame): Promise<void> | undefined => {
    const bytes = frame.length + frameOverhead
    unsentBytes += bytes
    stream.write(frame, () => {
      unsentBytes -= bytes
      sent()
      if (unsentBytes <= maxUnsentBytes) room()
    })
    if (unsentBytes <= maxUnsentBytes) return undefined
    const freed = new Promise<void>((resolve) => {
      room = resolve
    })
    return orAbort(freed, signal)
  }
}

async function* messages(stream: Bidi, received: (frame: Frame) => unknown, signal: AbortSignal) {
  const frames = stream.iterator({ destroyOnReturn: false }) // the answers go on when nobody reads any more
  for (;;) {
    const next = await orAbort(frames.next(), signal)
    if (next.done) return await orAbort(cancellationSeen(), signal)
    yield received(next.value)
  }
}

/** A caller that goes first looks like one that has sent all; grpc-js says otherwise two turns later. */
async function cancellationSeen(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** The promise, unless the signal aborts first; leaves no listener behind. */
function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
