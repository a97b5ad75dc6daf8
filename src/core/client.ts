// The promise methods of a service, called over gRPC: deadline, cancellation, request id, errors and retries in one place.
import { setMaxListeners } from 'node:events'
import {
  Client,
  type ClientUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { type ChannelConfig, channelCredentials, channelOptions, targetOf } from './channel.js'
import { invalidField, VaultError } from './errors.js'
import type { CallContext, Methods } from './methods.js'
import { isRequestId, newRequestId, requestIdKey } from './request-id.js'
import { cancelledBy, type RetryPolicy, withRetry } from './retry.js'
import { fromServiceError } from './status.js'

type UnaryMethod = MethodDefinition<unknown, unknown>

export interface Connection<Server> {
  methods: Methods<Server>
  /** Ends the connection; calls in flight and later ones fail with CANCELLED. */
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

/** The context of a call that begins here; throws INVALID_REQUEST for options that cannot be sent. */
export function newCall({ timeoutMs = defaultTimeoutMs, signal, requestId }: CallOptions = {}): CallContext {
  if (!Number.isFinite(timeoutMs)) throw invalidField('timeoutMs', 'must be a number of milliseconds')
  if (requestId !== undefined && !isRequestId(requestId)) {
    throw invalidField('requestId', 'must be 1 to 64 characters of [A-Za-z0-9._-]')
  }
  if (signal !== undefined) setMaxListeners(0, signal) // many calls may hang on it, which Node would take for a leak
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
  const open: OpenClient = { client, calls: new Set(), closed: false }
  const entries = Object.entries(service).map(([name, method]) => {
    const call = (request: unknown, context: CallContext) =>
      withRetry(() => callOnce(open, method, { request, context }), retries(request, name as never), context)
    return [name, call]
  })
  return { methods: Object.fromEntries(entries), close: () => close(open) }
}

interface OpenClient {
  client: Client
  calls: Set<ClientUnaryCall>
  closed: boolean
}

interface OutgoingCall {
  request: unknown
  context: CallContext
}

function callOnce(open: OpenClient, method: UnaryMethod, { request, context }: OutgoingCall): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = method
  const { signal, deadline, requestId } = context
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelledBy(signal))
    if (open.closed) return reject(closedClient())
    const done = (error: ServiceError | null, response?: unknown) => {
      signal.removeEventListener('abort', cancel)
      open.calls.delete(call)
      if (error === null) resolve(response)
      else if (signal.aborted) reject(cancelledBy(signal))
      else reject(open.closed ? closedClient() : fromServiceError(error))
    }
    const sent = [path, requestSerialize, responseDeserialize, request, metadata, { deadline }, done] as const
    const call = open.client.makeUnaryRequest(...sent)
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    open.calls.add(call)
  })
}

function close(open: OpenClient): void {
  open.closed = true
  for (const call of open.calls) call.cancel() // the channel by itself would let them wait for their deadline
  open.client.close()
}

function closedClient(): VaultError {
  return new VaultError('CANCELLED', { message: 'this client is closed' })
}
