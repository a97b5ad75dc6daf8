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
import { maxTimerMs } from '../deadline.js'
import type { CallContext } from '../methods.js'
import { asVaultError, toGrpcStatus } from '../status.js'
import { openRacedCall } from './call-context.js'
import { type AnyMethod, decode } from './call-log.js'
import type { IncomingCall } from './incoming-call.js'
import type { CallHandler } from './unary-handler.js'

type UnaryHandler = handleUnaryCall<unknown, unknown>
/** Answers a call; `gone` rejects when its caller waits no more. */
type Handle = (call: IncomingCall, context: CallContext, gone: Promise<never>) => Promise<void>

// Who watches may do so for as long as it likes.
const noDeadlineMs = maxTimerMs
const requestMs = 30_000

const unknownStatus: StatusObject = { code: codes.UNKNOWN, details: '', metadata: new Metadata() }

/** What a streaming handler of a package has of its call. */
class LibraryStream extends EventEmitter {
  request: unknown
  /** Resolves when there is room for more. */
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
    this.emit('cancelled') // whatever was registered for this call is let go
  }
}

export interface PackageService {
  handlers: Map<string, CallHandler>
  /** Ends the streams that are open: callers keep them so, and would hold every stop for as long as it may take. */
  close(): void
}

/** The services that `add` adds to a server; `failed` is told of their bugs. */
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

function openStreams() {
  const open = new Set<LibraryStream>()
  let closed = false
  return {
    handler(method: AnyMethod, answer: (stream: LibraryStream) => void): Handle {
      return async (call, { requestId }, gone) => {
        const stream = new LibraryStream(call, method, requestId)
        const over = new Promise<void>((resolve) => stream.once('cancelled', resolve))
        gone.catch(() => stream.emit('cancelled'))
        open.add(stream)
        try {
          if (!method.requestStream) stream.request = decode(method, await call.readOnly())
          answer(stream)
          if (closed) stream.end()
          else if (method.requestStream) await feed(stream, call, method)
          await over
        } finally {
          open.delete(stream)
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

/** Hands on the requests, each once there is room for the answers to the one before. */
async function feed(stream: LibraryStream, call: IncomingCall, method: AnyMethod): Promise<void> {
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

/** Ends the call at its deadline; refuses one that cannot be read, or whose handler fails. */
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
