// A gRPC client with the promise methods of a service: deadline, cancellation, request id, errors and retries in one place.
import { setMaxListeners } from 'node:events'
import type { MethodDefinition, ServiceDefinition, ServiceError } from '@grpc/grpc-js'
import { invalidField } from '../errors.js'
import type { CallContext, Methods } from '../methods.js'
import { isRequestId, newRequestId } from '../request-id.js'
import type { ChannelConfig } from './channel.js'
import { callStream } from './client-stream.js'
import { callUpload } from './client-upload.js'
import { anything, argumentOf, must, text } from './field-checks.js'
import {
  closeClient,
  failureOf,
  metadataOf,
  type OpenClient,
  type OutgoingCall,
  openClient,
  refusalOf,
  renewCertificates,
} from './open-client.js'
import { type RetryPolicy, withRetry } from './retry.js'

type UnaryMethod = MethodDefinition<unknown, unknown>

/** A client of a service. */
export interface Connection<Server> {
  methods: Methods<Server>
  /** Reads the certificate files again, for the calls from now on; see `renewCertificates` in open-client.ts. */
  renewCertificates(): void
  /** Closes the connection; calls in flight and later calls fail with CANCELLED. */
  close(): void
}

/** Options of a call. */
export interface CallOptions {
  /** Time until the deadline, in milliseconds: 30 s by default, a day at most. */
  timeoutMs?: number
  /** Cancels the call. */
  signal?: AbortSignal
  /** 1 to 64 characters of [A-Za-z0-9._-]; random by default. */
  requestId?: string
}

/** The context of a call that begins in this process. */
export type NewCall = CallContext & { readonly signal: AbortSignal }

const defaultTimeoutMs = 30_000
/** The longest timeout of a call: a day. */
export const maxTimeoutMs = 24 * 3_600_000

const checkOptions = argumentOf({
  timeoutMs: anything,
  signal: must('an AbortSignal', (value) => value instanceof AbortSignal),
  requestId: text,
})

/** Makes the context of a call that begins now; throws INVALID_REQUEST for invalid options. */
export function newCall(options: CallOptions = {}): NewCall {
  checkOptions('options', options)
  const { timeoutMs = defaultTimeoutMs, signal, requestId } = options
  // grpc-js throws outside of any call for a deadline that is too far away.
  if (!Number.isFinite(timeoutMs) || timeoutMs > maxTimeoutMs) {
    throw invalidField('timeoutMs', `must be a number of milliseconds, at most ${maxTimeoutMs}`)
  }
  if (requestId !== undefined && !isRequestId(requestId)) {
    throw invalidField('requestId', 'must be 1 to 64 characters of [A-Za-z0-9._-]')
  }
  if (signal !== undefined) setMaxListeners(0, signal) // many calls may share it, which Node would take for a leak
  return {
    requestId: requestId ?? newRequestId(),
    deadline: Date.now() + timeoutMs,
    signal: signal ?? new AbortController().signal,
  }
}

/** Makes a client that connects at its first call. `retryPolicy` gives the policy of a call of a unary method. */
export function connect<Server>(
  service: ServiceDefinition,
  config: ChannelConfig,
  retryPolicy: (request: unknown, method: keyof Methods<Server>) => RetryPolicy,
): Connection<Server> {
  const open = openClient(config)
  const entries = Object.entries(service).map(([name, method]) => {
    const unary = (request: unknown, context: CallContext) => {
      const policy = retryPolicy(request, name as never)
      const attempt = (priorAttemptMsAgo: number) => {
        if (priorAttemptMsAgo === 0) return callOnce(open, method, { request, context })
        const retryRequest = policy.requestAfterPriorAttempt?.(priorAttemptMsAgo) ?? request
        const response = callOnce(open, method, { request: retryRequest, context })
        return policy.responseAfterPriorAttempt?.(response) ?? response
      }
      return withRetry(attempt, policy, context)
    }
    const stream = (request: unknown, context: CallContext) => callStream(open, method, { request, context })
    const upload = (request: unknown, context: CallContext) => callUpload(open, method, { request, context })
    return [name, method.responseStream ? stream : method.requestStream ? upload : unary]
  })
  return {
    methods: Object.fromEntries(entries),
    renewCertificates: () => renewCertificates(open),
    close: () => closeClient(open),
  }
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
    const args = [
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadataOf(context),
      { deadline },
      done,
    ] as const
    const call = open.client.makeUnaryRequest(...args)
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    open.calls.add(call)
  })
}
