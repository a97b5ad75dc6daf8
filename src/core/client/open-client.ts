// What unary and streaming calls of one client share: the channel, the calls in flight, and what their end means.
import { Client, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { CallSignal } from '../call-signal.js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { requestIdKey } from '../request-id.js'
import { fromServiceError } from '../status.js'
import { type ChannelConfig, channelCredentials, channelOptions, targetOf } from './channel.js'
import { cancelledBy } from './retry.js'

export interface OpenClient {
  readonly client: Client
  readonly calls: Set<{ cancel(): void }>
  closed: boolean
}

export interface OutgoingCall {
  request: unknown
  context: CallContext
}

export function openClient(config: ChannelConfig): OpenClient {
  const client = new Client(targetOf(config), channelCredentials(config), channelOptions)
  return { client, calls: new Set(), closed: false }
}

export function closeClient(open: OpenClient): void {
  open.closed = true
  for (const call of open.calls) call.cancel() // the channel by itself would let them wait for their deadline
  open.client.close()
}

/** Why a call may not begin; undefined when it may. */
export function refusalOf(open: OpenClient, signal: CallSignal): VaultError | undefined {
  if (signal.aborted) return cancelledBy(signal)
  return open.closed ? closedClient() : undefined
}

/** What the end of a call means to its caller. */
export function failureOf(open: OpenClient, signal: CallSignal, error: ServiceError): VaultError {
  return refusalOf(open, signal) ?? fromServiceError(error)
}

export function metadataOf({ requestId }: CallContext): Metadata {
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  return metadata
}

function closedClient(): VaultError {
  return new VaultError('CANCELLED', { message: 'this client is closed' })
}
