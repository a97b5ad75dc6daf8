// The client's side of a connection: where to, whom to trust, how calls spread over the addresses behind a name.
import { ChannelCredentials, type ClientOptions } from '@grpc/grpc-js'
import { invalidField, VaultError } from '../errors.js'
import { isLoopback } from '../tls/listen.js'
import { readCertificates, readKeyPair } from '../tls/pem.js'

export interface ChannelConfig {
  /** `host:port` or `dns:///host:port`; all addresses behind the name are used in turn. */
  address: string
  /** Allows plain text to another machine. */
  insecure?: boolean
  /** Certificate files in PEM; `caFile` alone turns TLS on. */
  tls?: { caFile: string; certFile?: string; keyFile?: string }
  /** What its settings belong to, for messages. */
  section?: string
}

const roundRobin = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] })

/** Retries are ours (retry.ts): gRPC's know nothing of which calls are safe. */
export const channelOptions: ClientOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0, // counters nobody reads, kept on every call
  'grpc.service_config': roundRobin,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // What may be on its way to us before we have read it. With HTTP/2's own 64 KiB, 10 ms of distance leave 3 MiB/s.
  'grpc-node.flow_control_window': 1024 * 1024,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
}

const hostAndPort = /^(dns:\/\/\/)?([^\s/:]+|\[[0-9a-fA-F:]+\]):(?<port>\d{1,5})$/

function settingOf({ section }: ChannelConfig, name: string): string {
  return section === undefined ? name : `${section}.${name}`
}

/** The address in gRPC's form; throws INVALID_REQUEST for what is none. */
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

/** The credentials of a channel; refuses to send plain text to another machine unless told so. */
export function channelCredentials(config: ChannelConfig): ChannelCredentials {
  const { caFile = '', certFile = '', keyFile = '' } = config.tls ?? {}
  if ((certFile === '') !== (keyFile === '')) {
    throw invalidField(settingOf(config, 'tls'), 'certFile and keyFile go together')
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
