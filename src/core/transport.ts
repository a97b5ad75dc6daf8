// The interface between a gRPC server and the HTTP/2 implementation under it: header pairs, message bytes, resets. Nothing
// above this file knows which implementation runs, so that node:http2 could replace src/core/http2 (ADR 16).
import type { TlsOptions } from 'node:tls'

/** A header field. The name is lower case (RFC 9113 section 8.2); both parts are latin1. */
export type HeaderField = readonly [name: string, value: string]

/** Header fields in the order in which they are sent; the array must not change afterwards. */
export type HeaderFields = readonly HeaderField[]

/** The checked header fields of a request, pseudo-header fields included (RFC 9113 section 8.3). */
export interface RequestHeaders {
  /** The value of the first field of that name. */
  get(name: string): string | undefined
}

/** Receives the events of a stream. No event follows `onFinish` or `onAbort`. */
export interface StreamObserver {
  /** Bytes of the request body. The peer may send more only after `extendWindow`. */
  onData(bytes: Buffer): void
  /** The request body is complete. */
  onEnd(): void
  /** The peer has taken some of the queued bytes of the response. */
  onDrain(): void
  /** The response is complete, and its last byte has been given to the connection. */
  onFinish(): void
  /** The stream ended before the response was complete. */
  onAbort(): void
}

/** A request and its response (RFC 9113 section 5.1). Calls on a stream that has ended do nothing. */
export interface TransportStream {
  observer: StreamObserver | undefined
  /** The same object for all streams of a connection. */
  readonly connection: object
  /** Memory that queued bytes of the response occupy. */
  readonly unsentBytes: number
  /** Allows the peer to send this many bytes more. */
  extendWindow(bytes: number): void
  /** Sends the header fields that begin a response. The encoding of a repeated array is reused. */
  sendHeaders(fields: HeaderFields): void
  /** Queues bytes of the response body, which must not change afterwards. */
  send(...pieces: Buffer[]): void
  /** Ends the response with these fields after all queued bytes. `succeeded` counts in the peer's favour in flood control. */
  finish(fields: HeaderFields, succeeded?: boolean): void
  /** Resets the stream with INTERNAL_ERROR. */
  abort(): void
}

/** Why a peer lost its connection: an HTTP/2 error code (RFC 9113 section 7) and a message without the peer's own words. */
export interface ConnectionFailure {
  readonly code: number
  readonly message: string
}

/** Trust level of callers. `services` get higher limits, since they forward their own callers' cancellations. */
export type Callers = 'public' | 'services'

/** Settings and event handlers of a transport. */
export interface TransportParts {
  /** Undefined for plain text. */
  tls: TlsOptions | undefined
  /** Streams a connection may have open at once. */
  maxStreams: number
  /** A connection older than this is drained; each connection gets up to 10 % more or less. */
  maxConnectionAgeMs: number
  callers: Callers
  /** A request has begun. The handler must set an observer or finish the stream before it returns. */
  onRequest(stream: TransportStream, headers: RequestHeaders): void
  /** A peer broke the protocol and lost its connection. */
  onConnectionFailure(failure: ConnectionFailure, peerAddress: string | undefined): void
  /** A bug or an operating system error on our side. */
  onInternalError(cause: unknown): void
}

/** A server that listens for HTTP/2 connections. */
export interface Transport {
  /** Returns the bound port; rejects when the address cannot be bound. Port 0 picks a free one. */
  listen(address: { host: string; port: number }): Promise<number>
  /** Uses other certificates for new connections; it does nothing on plain text. */
  renewTls(tls: TlsOptions): void
  /** Accepts no new connections and streams; resolves when all open ones have ended. */
  drain(): Promise<void>
  /** Resets all open streams and closes their connections. */
  abort(): void
}
