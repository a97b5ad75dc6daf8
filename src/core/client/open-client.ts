// The state that the unary and streaming calls of a client share: the channel and the calls in flight.
import { Client, Metadata, type ServiceError } from '@grpc/grpc-js'
import type { CallSignal } from '../concurrency/call-signal.js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { requestIdKey } from '../request-id.js'
import { type ChannelConfig, channelCredentials, channelOptions, targetOf } from './channel.js'
import { callError } from './connection-error.js'
import { cancelledBy } from './retry.js'

/** A client until `closeClient`. */
export interface OpenClient {
  readonly config: ChannelConfig
  /** The channel of the next call. */
  client: Client
  readonly calls: Set<{ cancel(): void }>
  closed: boolean
}

/** A request and the context of its call. */
export interface OutgoingCall {
  request: unknown
  context: CallContext
}

/** Makes a client that connects at its first call. Throws INVALID_REQUEST for settings that would expose it. */
export function openClient(config: ChannelConfig): OpenClient {
  return { config, client: openChannel(config), calls: new Set(), closed: false }
}

function openChannel(config: ChannelConfig): Client {
  return new Client(targetOf(config), channelCredentials(config), channelOptions)
}

/**
 * Reads the certificate files again, for the calls from now on; calls in flight end on their connection. Throws INVALID_REQUEST,
 * and changes nothing, if the files cannot be used.
 */
export function renewCertificates(open: OpenClient): void {
  if (open.closed || open.config.tls === undefined) return
  const before = open.client
  open.client = openChannel(open.config)
  before.close()
}

/** Cancels all calls and closes the channel. */
export function closeClient(open: OpenClient): void {
  open.closed = true
  for (const call of open.calls) call.cancel() // a closed channel alone would let them wait for their deadline
  open.client.close()
}

/** CANCELLED for a call that is aborted or whose client is closed; undefined for any other. */
export function refusalOf(open: OpenClient, signal: CallSignal): VaultError | undefined {
  if (signal.aborted) return cancelledBy(signal)
  return open.closed ? closedClient() : undefined
}

/** Converts the gRPC error of a call for its caller. */
export function failureOf(open: OpenClient, signal: CallSignal, error: ServiceError): VaultError {
  return refusalOf(open, signal) ?? callError(error, open.config.address)
}

/** The metadata of a call: its request id. */
export function metadataOf({ requestId }: CallContext): Metadata {
  const metadata = new Metadata()
  metadata.set(requestIdKey, requestId)
  return metadata
}

function closedClient(): VaultError {
  return new VaultError('CANCELLED', { message: 'this client is closed' })
}
