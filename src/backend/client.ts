// The typed client of the back end, as front ends and operators use it. A StoreEnvelope is known by its key id, and says
// when it is repeated; a DeleteEnvelope that is repeated believes only that it did the work itself; every other method is
// harmless twice. So all calls are retried within their deadline.
import type { ChannelConfig } from '../core/client/channel.js'
import { type Connection, connect } from '../core/client/client.js'
import type { RetryPolicy } from '../core/client/retry.js'
import {
  type BackendServiceServer,
  BackendServiceService,
  type StoreEnvelopeRequest,
} from '../gen/encserver/v1/backend.js'
import { batchingClient } from './client/batching-client.js'
import { retriedDelete, retriedStore } from './client/retried-calls.js'

export { type CallOptions, newCall } from '../core/client/client.js'
export { VaultError } from '../core/errors.js'

export type BackendClient = Connection<BackendServiceServer>

/** Connects lazily to the back end; throws INVALID_REQUEST for settings that would expose it. */
export function backendClient(config: ChannelConfig): BackendClient {
  const { methods, close } = connect<BackendServiceServer>(BackendServiceService, config, retryPolicy)
  return { methods: batchingClient(methods), close }
}

function retryPolicy(request: unknown, method: keyof BackendServiceServer): RetryPolicy {
  if (method === 'deleteEnvelope')
    return { idempotent: true, write: true, responseAfterPriorAttempt: retriedDelete as never }
  if (method !== 'storeEnvelope') return { idempotent: true, write: false }
  const store = request as StoreEnvelopeRequest
  const requestAfterPriorAttempt = (msAgo: number) => retriedStore(store, msAgo)
  return { idempotent: true, write: true, hasPriorAttempt: store.triedMsAgo > 0, requestAfterPriorAttempt }
}
