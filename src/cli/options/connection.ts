// The connection flags: the address of a server, TLS and the timeout. All subcommands that call a server share them.
import { type Command, InvalidArgumentError } from 'commander'
import type { ChannelConfig } from '../../core/client/channel.js'
import type { CallOptions } from '../../core/client/client.js'
import { setVariables } from '../../core/config/environment.js'
import type { Session } from '../program/program.js'

/** The values of the TLS flags. */
export interface TlsFlags {
  tlsCa?: string
  tlsCert?: string
  tlsKey?: string
}

/** The values of the connection flags; `timeout` in seconds. */
export interface ConnectionFlags extends TlsFlags {
  address?: string
  insecure?: true
  timeout: number
}

/** Where a program connects without --address: to the address in an environment variable, else to a fixed one. */
export interface DefaultTarget {
  variable: string
  address: string
}

const defaultTimeoutSeconds = 30

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 3600) return seconds
  throw new InvalidArgumentError('It must be a number of seconds, up to 3600.')
}

/** Adds the connection flags, as a group of their own in the help. */
export function addConnectionFlags(command: Command, { variable, address }: DefaultTarget): Command {
  command.optionsGroup('Connection:')
  command.option('--address <host:port>', `server to call (default: $${variable}, else ${address})`)
  return addTlsFlags(command)
    .option('--insecure', 'allow plain text to another machine')
    .option('--timeout <seconds>', 'how long to wait for an answer', parseSeconds, defaultTimeoutSeconds)
}

/** Adds --tls-ca, --tls-cert and --tls-key. */
export function addTlsFlags(command: Command): Command {
  return command
    .option('--tls-ca <file>', "certificate authority of the server's certificate; turns TLS on")
    .option('--tls-cert <file>', 'client certificate, for mutual TLS')
    .option('--tls-key <file>', 'private key of the client certificate')
}

/** The `tls` of a channel that the flags describe; no field without TLS flags. */
export function tlsOf({ tlsCa = '', tlsCert = '', tlsKey = '' }: TlsFlags): Pick<ChannelConfig, 'tls'> {
  return tlsCa + tlsCert + tlsKey === '' ? {} : { tls: { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey } }
}

/** The channel that the flags and the environment describe. */
export function channelOf(flags: ConnectionFlags, target: DefaultTarget, env: NodeJS.ProcessEnv): ChannelConfig {
  return {
    address: flags.address ?? setVariables(env)[target.variable] ?? target.address,
    insecure: flags.insecure === true,
    ...tlsOf(flags),
  }
}

/** The options of one call: the timeout of the flags and the session's signal. */
export function callOptionsOf({ timeout }: ConnectionFlags, { signal }: Session): CallOptions {
  return { timeoutMs: timeout * 1000, signal }
}
