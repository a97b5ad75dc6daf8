// The type of a service: a plain object of methods, with promises for single responses and async iterables for streams. The
// implementation, its handlers (server/unary-handler.ts) and its client (client/client.ts) share the type, so that a caller
// cannot tell a remote service from one in its own process.
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
} from '@grpc/grpc-js'
import type { CallSignal } from './concurrency/call-signal.js'

/** The context of a call, which a method passes on to the calls that it makes. */
export interface CallContext {
  /** 1 to 64 characters of [A-Za-z0-9._-]. */
  readonly requestId: string
  /** When the caller stops waiting, in milliseconds since 1970. */
  readonly deadline: number
  /** Aborts when the caller cancels or the deadline passes. */
  readonly signal: CallSignal
  /** The same object for all calls of a connection; undefined for a caller in this process. */
  readonly connection?: object
  /** Calls back once the caller has taken the answer of a unary call, or has gone. */
  readonly whenSent?: ((callback: () => void) => void) | undefined
}

type KnownKeys<S> = { [K in keyof S as string extends K ? never : K]: S[K] }

type Method<Handler> =
  Handler extends handleUnaryCall<infer Request, infer Response>
    ? (request: Request, call: CallContext) => Promise<Response>
    : Handler extends handleServerStreamingCall<infer Request, infer Response>
      ? (request: Request, call: CallContext) => AsyncIterable<Response>
      : Handler extends handleClientStreamingCall<infer Request, infer Response>
        ? (requests: AsyncIterable<Request>, call: CallContext) => Promise<Response>
        : Handler extends handleBidiStreamingCall<infer Request, infer Response>
          ? (requests: AsyncIterable<Request>, call: CallContext) => AsyncIterable<Response>
          : never

/** The plain form of a generated `...Server` interface. A method fails with a VaultError; any other error is a bug. */
export type Methods<Server> = { [M in keyof KnownKeys<Server>]: Method<Server[M]> }
