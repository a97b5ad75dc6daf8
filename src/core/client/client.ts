// The promise methods of a service, called over gRPC: deadline, cancellation, request id, errors and retries in one place.
import { setMaxListeners } from 'node:events'
import type { MethodDefinition, ServiceDefinition, ServiceError } from '@grpc/grpc-js'
import { invalidField } from '../errors.js'
import type { CallContext, Methods } from '../methods.js'
import { isRequestId, newRequestId } from '../request-id.js'
import type { ChannelConfig } from './channel.js'
import { callStream } from './client-stream.js'
import { callUpload } from './client-upload.js'
import {
  closeClient,
  failureOf,
  metadataOf,
  type OpenClient,
  type OutgoingCall,
  openClient,
  refusalOf,
} from './open-client.js'
import { type RetryPolicy, withRetry } from './retry.js'

type UnaryMethod = MethodDefinition<unknown, unknown>

export interface Connection<Server> {
  methods: Methods<Server>
  /** Ends the connection; calls in flight and later ones fail with CANCELLED. */
  close(): void
}

/** How long and under which name a call is made. */
export interface CallOptions {
  /** How long to wait for the answer: 30 s unless set, a day at most. */
  timeoutMs?: number
  signal?: AbortSignal
  /** 1 to 64 characters of [A-Za-z0-9._-]; made up unless set. */
  requestId?: string
}

/** A call of one's own. */
export type NewCall = CallContext & { readonly signal: AbortSignal }

const defaultTimeoutMs = 30_000
/** A day. */
export const longestTimeoutMs = 24 * 3_600_000

/** The context of a call that begins here; throws INVALID_REQUEST for options that cannot be sent. */
export function newCall({ timeoutMs = defaultTimeoutMs, signal, requestId }: CallOptions = {}): NewCall {
  // grpc-js throws out of nobody's call for a deadline beyond what it can count.
  if (!Number.isFinite(timeoutMs) || timeoutMs > longestTimeoutMs) {
    throw invalidField('timeoutMs', `must be a number of milliseconds, at most ${longestTimeoutMs}`)
  }
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

/** Connects lazily; `retries` says for each unary method what its client may do when it fails. */
export function connect<Server>(
  service: ServiceDefinition,
  config: ChannelConfig,
  retries: (request: unknown, method: keyof Methods<Server>) => RetryPolicy,
): Connection<Server> {
  const open = openClient(config)
  const entries = Object.entries(service).map(([name, method]) => {
    const unary = (request: unknown, context: CallContext) => {
      const policy = retries(request, name as never)
      const attempt = (triedMsAgo: number) => {
        if (triedMsAgo === 0) return callOnce(open, method, { request, context })
        const answer = callOnce(open, method, { request: policy.repeated?.(triedMsAgo) ?? request, context })
        return policy.ofRepeated?.(answer) ?? answer
      }
      return withRetry(attempt, policy, context)
    }
    const stream = (request: unknown, context: CallContext) => callStream(open, method, { request, context })
    const upload = (request: unknown, context: CallContext) => callUpload(open, method, { request, context })
    return [name, method.responseStream ? stream : method.requestStream ? upload : unary]
  })
  return { methods: Object.fromEntries(entries), close: () => closeClient(open) }
}

function callOnce(open: OpenClient, method: UnaryMethod, { request, context }: OutgoingCall): Promise<unknown> {
  const { path, requestSerialize, responseDeserialize } = method
  const { signal, deadline } = context
  return new Promise((resolve, reject) => {
    const refusal = refusalOf(open, signal)
    if (refusal) return reject(refusal)
    const done = (error: ServiceError | null, response?: unknown) => {
      signal.removeEventListener('abort', cancel)
      open.calls.delete(call)
      if (error === null) resolve(response)
      else reject(failureOf(open, signal, error))
    }
    const sent = [
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(context),
      { deadline },
      done,
    ] as const
    const call = open.client.makeUnaryRequest(...sent)
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    open.calls.add(call)
  })
}
