// Services from packages (health, reflection), which are written for the server of grpc-js: their handlers, given what they
// use of its calls.
import { EventEmitter } from 'node:events'
import {
  status as codes,
  type handleUnaryCall,
  Metadata,
  type Server,
  type ServiceDefinition,
  type StatusObject,
} from '@grpc/grpc-js'
import type { IncomingCall } from './incoming-call.js'
import { newRequestId } from './request-id.js'
import type { CallHandler } from './serve.js'
import { type AnyMethod, decode } from './serving.js'
import { asVaultError, toGrpcStatus } from './status.js'

type UnaryHandler = handleUnaryCall<unknown, unknown>

const unknownStatus: StatusObject = { code: codes.UNKNOWN, details: '', metadata: new Metadata() }

/** What a streaming handler of a package has of its call. */
class LibraryStream extends EventEmitter {
  request: unknown
  /** Resolves when there is room for more. */
  room: Promise<void> | undefined
  readonly #call: IncomingCall
  readonly #encode: (answer: unknown) => Buffer

  constructor(call: IncomingCall, { responseSerialize }: AnyMethod) {
    super()
    this.#call = call
    this.#encode = responseSerialize
    call.cancelled = () => this.emit('cancelled')
  }

  write(answer: unknown): void {
    this.room = this.#call.write(this.#encode(answer))
  }

  end(): void {
    this.#call.end(newRequestId())
    this.emit('cancelled') // whatever was registered for this call is let go
  }
}

export interface LibraryService {
  handlers: Map<string, CallHandler>
  /** Ends the streams that are open: callers keep them so, and would hold every stop for as long as it may take. */
  close(): void
}

/** The services that `add` adds to a server; `failed` is told of their bugs. */
export function libraryService(
  add: (server: Pick<Server, 'addService'>) => void,
  failed: (cause: unknown) => void,
): LibraryService {
  const handlers = new Map<string, CallHandler>()
  const streams = openStreams()
  add({
    addService(service: ServiceDefinition, implementation) {
      for (const [name, method] of Object.entries(service)) {
        const handler = implementation[name] ?? implementation[method.originalName ?? '']
        const isStream = method.requestStream || method.responseStream
        const handle = isStream ? streams.handler(method, handler as never) : unaryHandler(method, handler as never)
        handlers.set(method.path, guarded(handle, failed))
      }
    },
  })
  return { handlers, close: streams.close }
}

function openStreams() {
  const open = new Set<LibraryStream>()
  let closed = false
  return {
    handler: (method: AnyMethod, answer: (stream: LibraryStream) => void) => async (call: IncomingCall) => {
      const stream = new LibraryStream(call, method)
      open.add(stream)
      stream.once('cancelled', () => open.delete(stream))
      if (!method.requestStream) stream.request = decode(method, await call.readOnly())
      answer(stream)
      if (closed) stream.end()
      else if (method.requestStream) await feed(stream, call, method)
    },
    close() {
      closed = true
      for (const stream of [...open]) stream.end()
    },
  }
}

/** Hands on the requests, each once there is room for the answers to the one before. */
async function feed(stream: LibraryStream, call: IncomingCall, method: AnyMethod): Promise<void> {
  for (let frame = await call.read(); frame !== undefined; frame = await call.read()) {
    stream.emit('data', decode(method, frame))
    await stream.room
  }
  stream.emit('end')
}

function unaryHandler(method: AnyMethod, handler: UnaryHandler) {
  return async (call: IncomingCall): Promise<void> => {
    const request = decode(method, await call.readOnly())
    handler({ request } as never, (error, answer) => {
      if (error) return call.refuse({ ...unknownStatus, ...(error as Partial<StatusObject>) })
      void call.write(method.responseSerialize(answer))
      call.end(newRequestId())
    })
  }
}

/** Refuses a call that cannot be read, or whose handler fails. */
function guarded(handle: (call: IncomingCall) => Promise<void>, failed: (cause: unknown) => void): CallHandler {
  return (call) =>
    void handle(call).catch((thrown: unknown) => {
      const error = asVaultError(thrown)
      if (error.kind === 'internal') failed(thrown)
      call.refuse(toGrpcStatus(error, newRequestId()))
    })
}
