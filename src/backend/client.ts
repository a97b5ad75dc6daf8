// The typed client of the back end, as front ends and operators use it. A StoreEnvelope is known by its key id and every
// other method is harmless twice, so all calls are retried within their deadline.
import type { ChannelConfig } from '../core/channel.js'
import { type Connection, connect } from '../core/client.js'
import { type BackendServiceServer, BackendServiceService } from '../gen/encserver/v1/backend.js'
import { gatheredClient } from './gathered-client.js'

export { type CallOptions, newCall } from '../core/client.js'
export { VaultError } from '../core/errors.js'

export type BackendClient = Connection<BackendServiceServer>

const writes = ['storeEnvelope', 'deleteEnvelope']

/** Connects lazily to the back end; throws INVALID_REQUEST for settings that would expose it. */
export function backendClient(config: ChannelConfig): BackendClient {
  const policy = (_: unknown, method: string) => ({ safe: true, write: writes.includes(method) })
  const { methods, close } = connect<BackendServiceServer>(BackendServiceService, config, policy)
  return { methods: gatheredClient(methods), close }
}
