// gRPC handlers of streaming methods, with what unary calls get: request id, deadline, cancellation, admission, errors and a
// log line. Back-pressure works both ways. Idle streams time out; an upload times out only while it waits for the client.
import { setMaxListeners } from 'node:events'
import { linkedSignal, raceAbort } from '../concurrency/abort.js'
import type { CallSignal } from '../concurrency/call-signal.js'
import { maxTimerMs } from '../concurrency/deadline.js'
import { type IdleTimer, idleTimer } from '../concurrency/idle-timer.js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { openRacedCall } from './call-context.js'
import {
  type AnyMethod,
  callLogger,
  decode,
  type HandlerParts,
  levelOf,
  logLateFailure,
  outcomeOf,
  type StreamCounts,
  streamCounts,
} from './call-log.js'
import type { IncomingCall } from './incoming-call.js'
import { type RateMeter, rateMeter } from './least-rate.js'
import type { Frame } from './message-reader.js'

/** A method with one request or an async iterable of them, and many responses. */
export type StreamMethod = (requests: unknown, call: CallContext) => AsyncIterable<unknown>
/** A method with many requests and one response. */
export type UploadMethod = (requests: AsyncIterable<unknown>, call: CallContext) => Promise<unknown>

const defaultIdleMs = 60_000
// Without a deadline of its caller, a stream may run for as long as something moves on it.
const noDeadlineMs = maxTimerMs

/** Makes the handler of a method with many responses. */
export function streamHandler(method: AnyMethod, implementation: StreamMethod, parts: HandlerParts) {
  return (call: IncomingCall): void =>
    serveStream({ method, parts, call }, async ({ context, decodeRequest, encodeResponse, idle, rate }) => {
      const { signal } = context
      call.onProgress = idle.touch
      const requests = method.requestStream
        ? requestsOf(call, { signal, decodeRequest })
        : decodeRequest(await raceAbort(call.readOnly(), signal))
      for await (const response of implementation(requests, context)) {
        signal.throwIfAborted()
        const room = call.write(encodeResponse(response))
        if (room !== undefined) await rate.during(raceAbort(room, signal))
      }
    })
}

/** Makes the handler of a method with many requests and one response. */
export function uploadHandler(method: AnyMethod, implementation: UploadMethod, parts: HandlerParts) {
  return (call: IncomingCall): void =>
    // Only the client can be idle: the work of the method has time limits of its own.
    serveStream({ method, parts, call }, async ({ context, decodeRequest, encodeResponse, idle, rate }) => {
      const waiting = <T>(awaited: Promise<T>) => rate.during(idle.during(awaited))
      const requests = requestsOf(call, { signal: context.signal, decodeRequest, waiting })
      const response = encodeResponse(await implementation(requests, context))
      context.signal.throwIfAborted()
      void call.write(response)
    })
}

interface RequestReader {
  signal: CallSignal
  decodeRequest(frame: Frame): unknown
  /** Gets the promise of each request. */
  waiting?: IdleTimer['during']
}

/** The requests of a stream, until its client ends them. */
async function* requestsOf(call: IncomingCall, { signal, decodeRequest, waiting = identity }: RequestReader) {
  call.widenWindow()
  for (;;) {
    const frame = await waiting(raceAbort(call.read(), signal))
    if (frame === undefined) return await raceAbort(letCancellationArrive(), signal)
    yield decodeRequest(frame)
  }
}

function identity<T>(value: T): T {
  return value
}

// A cancellation may look first like the end of the requests: Node's HTTP/2 ends a stream before it resets it.
async function letCancellationArrive(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

interface StreamTask {
  method: AnyMethod
  parts: HandlerParts
  call: IncomingCall
}

/** The codec of a stream counts its messages and restarts its idle timer. */
interface StreamIo {
  context: CallContext
  decodeRequest(frame: Frame): unknown
  encodeResponse(response: unknown): Frame
  idle: IdleTimer
  rate: RateMeter
}

function serveStream({ method, parts, call }: StreamTask, work: (io: StreamIo) => Promise<void>): void {
  const { log, streamIdleMs = defaultIdleMs } = parts
  const { context, ended, abandon, close } = openRacedCall(call, { defaultMs: noDeadlineMs })
  const { requestId } = context
  const counts = streamCounts(method)
  const logCall = callLogger(log, method, requestId)
  const { signal, abort } = linkedSignal(context.signal)
  setMaxListeners(0, signal) // a stream may have many calls under way, which Node would take for a leak
  const end = (error: VaultError) => {
    abandon(error)
    abort(error)
  }
  const idle = idleTimer(streamIdleMs, () => end(idleError(streamIdleMs)))
  idle.start()
  const rate = rateOf({ method, parts, call }, end)
  const done = () => {
    call.end(requestId)
    logCall('info', { ...counts.fields(), status: 'OK' })
  }
  const failed = (thrown: unknown) => {
    const error = asVaultError(thrown)
    call.refuse(toGrpcStatus(error, requestId))
    logCall(levelOf(error), { ...counts.fields(), ...outcomeOf(error) })
  }
  const worked = admitted(parts, call, () =>
    work({ context: { ...context, signal, whenSent: undefined }, idle, rate, ...codec(method, counts, idle) }),
  )
  Promise.race([worked, ended])
    .finally(() => {
      idle.stop()
      close()
    })
    .then(done, failed)
    .catch((cause: unknown) => {
      call.abort()
      logCall('error', { status: 'INTERNAL', cause })
    })
  // A method whose caller has gone holds its place until it returns, and its bugs are still logged.
  worked.catch(logLateFailure(logCall, signal))
}

/** Runs the work of a call, which holds its place until its caller has taken the answer. */
async function admitted({ admission }: HandlerParts, call: IncomingCall, work: () => Promise<void>): Promise<void> {
  const leave = admission.enter()
  try {
    await work()
  } finally {
    call.whenSent(leave)
  }
}

function idleError(idleMs: number): VaultError {
  return new VaultError('DEADLINE_EXCEEDED', { message: `nothing moved on the stream for ${idleMs / 1000} s` })
}

const unmeasured: RateMeter = { during: identity }

function rateOf({ method, parts: { leastRate }, call }: StreamTask, end: (error: VaultError) => void): RateMeter {
  if (!method.isTransfer || leastRate === undefined) return unmeasured
  const { bytesPerSecond, windowMs } = leastRate
  const message = `the caller moved less than ${bytesPerSecond} bytes a second for ${windowMs / 1000} s`
  const tooSlow = () => {
    end(new VaultError('DEADLINE_EXCEEDED', { message }))
    if (method.responseStream) call.abort() // its status would wait behind the bytes that the caller does not take
  }
  return rateMeter(leastRate, { movedBytes: () => call.movedBytes, tooSlow })
}

function codec(method: AnyMethod, counts: StreamCounts, idle: IdleTimer) {
  return {
    decodeRequest(frame: Frame): unknown {
      idle.touch()
      counts.countRequest(frame)
      return decode(method, frame)
    },
    encodeResponse(response: unknown): Frame {
      const frame = method.responseSerialize(response)
      counts.countResponse(response, frame)
      return frame
    },
  }
}
