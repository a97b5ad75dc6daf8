// The gRPC channel of a client: target, credentials, and load balancing over the addresses of a name.
import { ChannelCredentials, type ClientOptions } from '@grpc/grpc-js'
import { invalidField, VaultError } from '../errors.js'
import { isLoopback } from '../tls/listen.js'
import { readCertificates, readKeyPair } from '../tls/pem.js'

/** The settings of a channel. */
export interface ChannelConfig {
  /** `host:port` or `dns:///host:port`; calls go round robin over all addresses of the name. */
  address: string
  /** Allows plain text to another machine. */
  insecure?: boolean
  /** Certificate files in PEM; `caFile` turns TLS on. */
  tls?: { caFile: string; certFile?: string; keyFile?: string }
  /** The section of its settings, for messages. */
  section?: string
}

const roundRobin = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] })

/** The options of all channels. Retries are in retry.ts, since gRPC does not know which calls are idempotent. */
export const channelOptions: ClientOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0, // grpc-js would follow http_proxy, also in plain text and for loopback
  'grpc.enable_channelz': 0, // counters that nothing reads, but every call updates
  'grpc.service_config': roundRobin,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Bytes that may be in flight to us. With HTTP/2's default of 64 KiB, a round trip of 20 ms limits a stream to 3 MiB/s.
  'grpc-node.flow_control_window': 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
}

const hostAndPort = /^(dns:\/\/\/)?([^\s/:]+|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/

function settingOf({ section }: ChannelConfig, name: string): string {
  return section === undefined ? name : `${section}.${name}`
}

/** The address as a gRPC target. Throws INVALID_REQUEST for a malformed one. */
export function targetOf(config: ChannelConfig): string {
  const { address } = config
  const port = Number(hostAndPort.exec(address)?.groups?.['port'])
  if (!(port > 0 && port < 65536)) {
    throw invalidField(settingOf(config, 'address'), `must be host:port, with a port from 1 to 65535, not "${address}"`)
  }
  return address.includes(':///') ? address : `dns:///${address}`
}

function hostOf(target: string): string {
  return target
    .replace(/^[a-z]+:\/\/\//, '')
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
}

/** The credentials of a channel. Throws INVALID_REQUEST for plain text to another machine without `insecure`. */
export function channelCredentials(config: ChannelConfig): ChannelCredentials {
  const { caFile = '', certFile = '', keyFile = '' } = config.tls ?? {}
  if ((certFile === '') !== (keyFile === '')) {
    throw invalidField(settingOf(config, 'tls'), 'certFile and keyFile must be set together')
  }
  if (certFile !== '' && caFile === '') throw invalidField(settingOf(config, 'tls'), 'certFile needs caFile')
  if (caFile === '') return plainText(config)
  const named = (name: string, file: string) => ({ setting: settingOf(config, `tls.${name}`), file })
  const ca = readCertificates(named('caFile', caFile))
  if (certFile === '') return ChannelCredentials.createSsl(ca)
  const own = readKeyPair(named('certFile', certFile), named('keyFile', keyFile))
  return ChannelCredentials.createSsl(ca, own.key, own.cert)
}

function plainText(config: ChannelConfig): ChannelCredentials {
  const host = hostOf(targetOf(config))
  if (isLoopback(host) || config.insecure === true) return ChannelCredentials.createInsecure()
  const description = `${host} is another machine: set tls.caFile, or insecure: true`
  const message = `${settingOf(config, 'address')}: ${description}`
  throw new VaultError('INVALID_REQUEST', { message, fields: [{ field: 'plain text', description }] })
}
