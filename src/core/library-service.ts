// Services from packages (health, reflection), which are written for the server of grpc-js: their handlers, given what they
// use of its calls.
import { EventEmitter } from 'node:events'
import type { handleUnaryCall, MethodDefinition, Server, ServiceDefinition } from '@grpc/grpc-js'
import { Metadata, type StatusObject } from '@grpc/grpc-js'
import type { IncomingCall } from './incoming-call.js'
import { newRequestId } from './request-id.js'
import type { CallHandler } from './serve.js'
import { asVaultError, toGrpcStatus } from './status.js'

type AnyMethod = MethodDefinition<unknown, unknown>
type UnaryHandler = handleUnaryCall<unknown, unknown>

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

/** The services that `add` adds to a server. */
export function libraryService(add: (server: Pick<Server, 'addService'>) => void): LibraryService {
  const handlers = new Map<string, CallHandler>()
  const streams = new Set<LibraryStream>()
  let closed = false

  function streamHandler(method: AnyMethod, answer: (stream: LibraryStream) => void) {
    return async (call: IncomingCall): Promise<void> => {
      const stream = new LibraryStream(call, method)
      streams.add(stream)
      stream.once('cancelled', () => streams.delete(stream))
      if (!method.requestStream) stream.request = method.requestDeserialize(await call.readOnly())
      answer(stream)
      if (closed) stream.end()
      else if (method.requestStream) await feed(stream, call, method)
    }
  }

  add({
    addService(service: ServiceDefinition, implementation) {
      for (const [name, method] of Object.entries(service)) {
        const handler = implementation[name] as never
        const isStream = method.requestStream || method.responseStream
        handlers.set(method.path, guarded(isStream ? streamHandler(method, handler) : unaryHandler(method, handler)))
      }
    },
  })
  return {
    handlers,
    close() {
      closed = true
      for (const stream of [...streams]) stream.end()
    },
  }
}

function unaryHandler(method: AnyMethod, handler: UnaryHandler) {
  return async (call: IncomingCall): Promise<void> => {
    const request = method.requestDeserialize(await call.readOnly())
    handler({ request } as never, (error, answer) => {
      if (error) return call.refuse({ code: 2, details: '', metadata: new Metadata(), ...(error as Partial<StatusObject>) })
      call.write(method.responseSerialize(answer))
      call.end(newRequestId())
    })
  }
}

/** Hands on the requests, each once there is room for the answers to the one before. */
async function feed(stream: LibraryStream, call: IncomingCall, { requestDeserialize }: AnyMethod): Promise<void> {
  for (let frame = await call.read(); frame !== undefined; frame = await call.read()) {
    stream.emit('data', requestDeserialize(frame))
    await stream.room
  }
  stream.emit('end')
}

/** Refuses a call that cannot be read. */
function guarded(handle: (call: IncomingCall) => Promise<void>): CallHandler {
  return (call) =>
    void handle(call).catch((thrown: unknown) => call.refuse(toGrpcStatus(asVaultError(thrown), newRequestId())))
}
