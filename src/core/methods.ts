// A service is a plain object of methods: promises for single answers, async iterables for streams. Served over gRPC
// (serve.ts), called over gRPC (client.ts) or called directly, it has the same type, so that a caller cannot tell which it
// holds.
import type {
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
} from '@grpc/grpc-js'
import type { CallSignal } from './call-signal.js'

/** What a method knows of the call it answers, and hands on to the calls it makes. */
export interface CallContext {
  /** 1 to 64 characters of [A-Za-z0-9._-]. */
  readonly requestId: string
  /** Milliseconds since 1970 after which nobody waits for the answer. */
  readonly deadline: number
  /** Aborts when the caller cancels or the deadline passes. */
  readonly signal: CallSignal
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

/** The plain form of a generated `...Server` interface; a method fails with VaultError, or else it is a bug. */
export type Methods<Server> = { [M in keyof KnownKeys<Server>]: Method<Server[M]> }
