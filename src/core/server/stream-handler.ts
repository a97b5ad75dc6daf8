// Streaming methods -> gRPC handlers. Streams get what unary calls get: request id, deadline, cancellation, admission, our
// errors, a log line. A slow reader holds the method back, a method that does not read holds its caller back, and a stream
// on which nothing moves is ended; an upload, when nothing comes of what is waited for.
import { setMaxListeners } from 'node:events'
import { linkedSignal, raceAbort } from '../abort.js'
import type { CallSignal } from '../call-signal.js'
import { maxTimerMs } from '../deadline.js'
import type { CallContext } from '../methods.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { openRaced } from './call-context.js'
import { type AnyMethod, callNote, decode, levelOf, logLateFailure, outcomeOf, type Serving } from './call-log.js'
import { type IdleTimer, idleTimer } from './idle-timer.js'
import type { IncomingCall } from './incoming-call.js'
import type { Frame } from './message-reader.js'
import { type StreamCounts, streamCounts } from './stream-counts.js'

/** One request or many, and many answers. */
export type StreamHandler = (requests: unknown, call: CallContext) => AsyncIterable<unknown>
/** Many requests and one answer. */
export type UploadHandler = (requests: AsyncIterable<unknown>, call: CallContext) => Promise<unknown>

const defaultIdleMs = 60_000
// A stream may run for as long as something moves on it, unless its caller says otherwise.
const noDeadlineMs = maxTimerMs

export function streamHandler(method: AnyMethod, handler: StreamHandler, serving: Serving) {
  return (call: IncomingCall): void =>
    serveStream({ method, serving, call }, async ({ context, received, answered, touch }) => {
      const { signal } = context
      call.onProgress = touch
      const requests = method.requestStream
        ? messages(call, { received }, signal)
        : received(await raceAbort(call.readOnly(), signal))
      for await (const response of handler(requests, context)) {
        signal.throwIfAborted()
        const room = call.write(answered(response))
        if (room !== undefined) await raceAbort(room, signal)
      }
    })
}

export function uploadHandler(method: AnyMethod, handler: UploadHandler, serving: Serving) {
  return (call: IncomingCall): void =>
    // Only its caller can be idle: what the method does for an answer has limits of its own.
    serveStream({ method, serving, call }, async ({ context, answered, ...reading }) => {
      const answer = answered(await handler(messages(call, reading, context.signal), context))
      context.signal.throwIfAborted()
      void call.write(answer)
    })
}

interface Reading {
  received(frame: Frame): unknown
  /** Told what is awaited of the caller. */
  during?<T>(awaited: Promise<T>): Promise<T>
}

/** The requests, until their caller has sent all. */
async function* messages(call: IncomingCall, { received, during = same }: Reading, signal: CallSignal) {
  call.widenWindow()
  for (;;) {
    const frame = await during(raceAbort(call.read(), signal))
    if (frame === undefined) return await raceAbort(cancellationSeen(), signal)
    yield received(frame)
  }
}

/** A caller that goes may look first like one that has sent all: Node's HTTP/2 ends a stream before it resets it. */
async function cancellationSeen(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

function same<T>(awaited: Promise<T>): Promise<T> {
  return awaited
}

interface Served {
  method: AnyMethod
  serving: Serving
  call: IncomingCall
}

/** What passes is counted, and keeps the stream alive. */
interface Moving {
  context: CallContext
  received(frame: Frame): unknown
  answered(response: unknown): Frame
  touch(): void
  during: IdleTimer['during']
}

function serveStream({ method, serving, call }: Served, work: (moving: Moving) => Promise<void>): void {
  const { log, admission, streamIdleMs = defaultIdleMs } = serving
  const { context, ended, close } = openRaced(call, { defaultMs: noDeadlineMs })
  const { requestId } = context
  const counts = streamCounts(method)
  const note = callNote(log, method, requestId)
  const idle = idleTimer(streamIdleMs)
  const signal = signalOf(context.signal, idle.passed)
  const done = () => {
    call.end(requestId)
    note('info', { ...counts.all(), status: 'OK' })
  }
  const failed = (thrown: unknown) => {
    const error = asVaultError(thrown)
    call.refuse(toGrpcStatus(error, requestId))
    note(levelOf(error), { ...counts.all(), ...outcomeOf(error) })
  }
  const worked = admission.run(() => work(moving({ ...context, signal }, { method, counts, idle })))
  Promise.race([worked, ended, idle.passed])
    .finally(() => {
      idle.stop()
      close()
    })
    .then(done, failed)
    .catch((cause: unknown) => {
      call.abort()
      note('error', { status: 'INTERNAL', cause })
    })
  // A handler whose caller has gone still holds its place until it is done, and its bugs are still told.
  worked.catch(logLateFailure(note, signal))
}

/** Aborts when the call ends, and when it is idle. */
function signalOf(call: CallSignal, idle: Promise<never>): AbortSignal {
  const { signal, abort } = linkedSignal(call)
  idle.catch(abort)
  setMaxListeners(0, signal) // a stream may have many calls under way, which Node would take for a leak
  return signal
}

interface Counters {
  method: AnyMethod
  counts: StreamCounts
  idle: IdleTimer
}

function moving(context: CallContext, { method, counts, idle }: Counters): Moving {
  return {
    context,
    received(frame) {
      idle.touch()
      counts.received(frame)
      return decode(method, frame)
    },
    answered(response) {
      const frame = method.responseSerialize(response)
      counts.answered(response, frame)
      return frame
    },
    touch: idle.touch,
    during: idle.during,
  }
}
