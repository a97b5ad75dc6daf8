// An adapter for services of npm packages (health, reflection), which are written for the server of grpc-js. It gives their
// handlers the parts of a grpc-js call that they use.
import { EventEmitter } from 'node:events'
import {
  status as codes,
  type handleUnaryCall,
  Metadata,
  type Server,
  type ServiceDefinition,
  type StatusObject,
} from '@grpc/grpc-js'
import { maxTimerMs } from '../concurrency/deadline.js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { openRacedCall } from './call-context.js'
import { type AnyMethod, decode } from './call-log.js'
import type { IncomingCall } from './incoming-call.js'
import type { CallHandler } from './unary-handler.js'

type UnaryHandler = handleUnaryCall<unknown, unknown>
/** Answers a call; `gone` rejects when the caller stops waiting. */
type Handle = (call: IncomingCall, context: CallContext, gone: Promise<never>) => Promise<void>

// A watcher may stay for any time.
const noDeadlineMs = maxTimerMs
const requestMs = 30_000
const retryAfterMs = 1_000

const unknownStatus: StatusObject = { code: codes.UNKNOWN, details: '', metadata: new Metadata() }

/** The part of a grpc-js stream that the packages use. */
class PackageStream extends EventEmitter {
  request: unknown
  /** Resolves when the client can take more responses. */
  room: Promise<void> | undefined
  readonly #call: IncomingCall
  readonly #requestId: string
  readonly #encode: (answer: unknown) => Buffer

  constructor(call: IncomingCall, { responseSerialize }: AnyMethod, requestId: string) {
    super()
    this.#call = call
    this.#requestId = requestId
    this.#encode = responseSerialize
  }

  write(answer: unknown): void {
    this.room = this.#call.write(this.#encode(answer))
  }

  end(): void {
    this.#call.end(this.#requestId)
    this.emit('cancelled') // the packages clean up on this event
  }
}

/** The service of a package. */
export interface PackageService {
  handlers: Map<string, CallHandler>
  /** Ends the open streams. Clients keep them open, so a stop would otherwise always wait for its time limit. */
  close(): void
}

/** Makes the handlers of the services that `add` adds to a server. `failed` gets the errors of bugs. */
export function packageService(
  add: (server: Pick<Server, 'addService'>) => void,
  failed: (cause: unknown) => void,
): PackageService {
  const handlers = new Map<string, CallHandler>()
  const streams = openStreams()
  add({
    addService(service: ServiceDefinition, implementation) {
      for (const [name, method] of Object.entries(service)) {
        const handler = implementation[name] ?? implementation[method.originalName ?? '']
        const isStream = method.requestStream || method.responseStream
        const handle = isStream ? streams.handler(method, handler as never) : unaryHandler(method, handler as never)
        handlers.set(
          method.path,
          guarded(handle, { receiveMs: method.requestStream ? noDeadlineMs : requestMs, failed }),
        )
      }
    },
  })
  return { handlers, close: streams.close }
}

/** Streams without an end, such as health watches, at most; a connection may have an eighth of them. */
const maxOpenStreams = 1_024

function openStreams() {
  const open = new Set<PackageStream>()
  const byConnection = new WeakMap<object, number>()
  let closed = false

  /** Counts a stream until the returned function is called; throws OVERLOADED if there are too many. */
  function enter(stream: PackageStream, connection: object): () => void {
    const own = byConnection.get(connection) ?? 0
    if (open.size >= maxOpenStreams || own >= maxOpenStreams / 8) throw new VaultError('OVERLOADED', { retryAfterMs })
    byConnection.set(connection, own + 1)
    open.add(stream)
    return () => {
      byConnection.set(connection, (byConnection.get(connection) ?? 1) - 1)
      open.delete(stream)
    }
  }

  return {
    handler(method: AnyMethod, implementation: (stream: PackageStream) => void): Handle {
      return async (call, { requestId }, gone) => {
        const stream = new PackageStream(call, method, requestId)
        const ended = new Promise<void>((resolve) => stream.once('cancelled', resolve))
        gone.catch(() => stream.emit('cancelled'))
        const leave = enter(stream, call.connection)
        try {
          if (!method.requestStream) stream.request = decode(method, await call.readOnly())
          implementation(stream)
          if (closed) stream.end()
          else if (method.requestStream) await feed(stream, call, method)
          await ended
        } finally {
          leave()
          stream.emit('cancelled')
        }
      }
    },
    close() {
      closed = true
      for (const stream of [...open]) stream.end()
    },
  }
}

/** Emits the requests one by one, each when there is room for the responses to the previous one. */
async function feed(stream: PackageStream, call: IncomingCall, method: AnyMethod): Promise<void> {
  for (let frame = await call.read(); frame !== undefined; frame = await call.read()) {
    stream.emit('data', decode(method, frame))
    await stream.room
  }
  stream.emit('end')
}

function unaryHandler(method: AnyMethod, handler: UnaryHandler): Handle {
  return async (call, { requestId }) => {
    const request = decode(method, await call.readOnly())
    handler({ request } as never, (error, answer) => {
      if (error) return call.refuse({ ...unknownStatus, ...(error as Partial<StatusObject>) })
      void call.write(method.responseSerialize(answer))
      call.end(requestId)
    })
  }
}

/** Makes the handler of a method. It enforces the deadline, and refuses malformed requests and failed calls. */
function guarded(
  handle: Handle,
  { receiveMs, failed }: { receiveMs: number; failed(cause: unknown): void },
): CallHandler {
  return (call) => {
    const { context, ended, close } = openRacedCall(call, { defaultMs: noDeadlineMs, receiveMs })
    const refuse = (thrown: unknown) => {
      const error = asVaultError(thrown)
      if (error.kind === 'internal') failed(thrown)
      call.refuse(toGrpcStatus(error, context.requestId))
    }
    void Promise.race([handle(call, context, ended), ended])
      .catch(refuse)
      .finally(close)
  }
}
