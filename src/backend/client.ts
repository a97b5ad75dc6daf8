// The typed client of the back end, for front ends and operators. It retries every method within the call's deadline. A
// StoreEnvelope is idempotent by its key id, and a retry says how old the prior attempt is (ADR 14). A retried
// DeleteEnvelope that removes nothing has an unknown outcome. Every other method changes nothing twice.
import type { ChannelConfig } from '../core/client/channel.js'
import { type Connection, connect } from '../core/client/client.js'
import { type RetryPolicy, repeatableWrite } from '../core/client/retry.js'
import {
  type BackendServiceServer,
  BackendServiceService,
  type StoreEnvelopeRequest,
} from '../gen/encserver/v1/backend.js'
import { batchingClient } from './client/batching-client.js'
import { retriedDelete } from './client/retried-calls.js'

export { type CallOptions, newCall } from '../core/client/client.js'
export { VaultError } from '../core/errors.js'

/** A connection to a back end. */
export type BackendClient = Connection<BackendServiceServer>

/** Connects lazily to the back end; throws INVALID_REQUEST for settings that would expose it. */
export function backendClient(config: ChannelConfig): BackendClient {
  const connection = connect<BackendServiceServer>(BackendServiceService, config, retryPolicy)
  return { ...connection, methods: batchingClient(connection.methods) }
}

function retryPolicy(request: unknown, method: keyof BackendServiceServer): RetryPolicy {
  if (method === 'deleteEnvelope') {
    return { idempotent: true, write: true, responseAfterPriorAttempt: retriedDelete as never }
  }
  if (method === 'storeEnvelope') return repeatableWrite(request as StoreEnvelopeRequest)
  return { idempotent: true, write: false }
}
