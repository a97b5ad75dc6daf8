// The promise methods of a service, called over gRPC: deadline, cancellation, request id, errors and retries in one place.
import { Client, Metadata, type MethodDefinition, type ServiceDefinition, type ServiceError } from '@grpc/grpc-js'
import { type ChannelConfig, channelCredentials, channelOptions, targetOf } from './channel.js'
import { VaultError } from './errors.js'
import type { CallContext, Methods } from './methods.js'
import { newRequestId, requestIdKey } from './request-id.js'
import { type RetryPolicy, withRetry } from './retry.js'
import { fromServiceError } from './status.js'

type UnaryMethod = MethodDefinition<unknown, unknown>

export interface Connection<Server> {
  methods: Methods<Server>
  /** Ends the connection; calls in flight fail with CANCELLED. */
  close(): void
}

/** How long and under which name a call is made. */
export interface CallOptions {
  /** How long to wait for the answer; 30 s unless set. */
  timeoutMs?: number
  signal?: AbortSignal
  /** 1 to 64 characters of [A-Za-z0-9._-]; made up unless set. */
  requestId?: string
}

const defaultTimeoutMs = 30_000

/** The context of a call that begins here. */
export function newCall({ timeoutMs = defaultTimeoutMs, signal, requestId }: CallOptions = {}): CallContext {
  return {
    requestId: requestId ?? newRequestId(),
    deadline: Date.now() + timeoutMs,
    signal: signal ?? new AbortController().signal,
  }
}

/** Connects lazily; `retries` says for each method what its client may do when it fails. */
export function connect<Server>(
  service: ServiceDefinition,
  config: ChannelConfig,
  retries: (request: unknown, method: keyof Methods<Server>) => RetryPolicy,
): Connection<Server> {
  const client = new Client(targetOf(config), channelCredentials(config), channelOptions)
  const entries = Object.entries(service).map(([name, method]) => {
    const call = (request: unknown, context: CallContext) =>
      withRetry(() => callOnce(client, method, { request, context }), retries(request, name as never), context)
    return [name, call]
  })
  return { methods: Object.fromEntries(entries), close: () => client.close() }
}

interface OutgoingCall {
  request: unknown
  context: CallContext
}

function callOnce(client: Client, method: UnaryMethod, { request, context }: OutgoingCall): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = method
  const { signal, deadline, requestId } = context
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled(signal))
    const done = (error: ServiceError | null, response?: unknown) => {
      signal.removeEventListener('abort', cancel)
      if (error) reject(signal.aborted ? cancelled(signal) : fromServiceError(error))
      else resolve(response)
    }
    const options = { deadline }
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, options, done)
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
  })
}

function cancelled(signal: AbortSignal): VaultError {
  return signal.reason instanceof VaultError ? signal.reason : new VaultError('CANCELLED', { cause: signal.reason })
}
