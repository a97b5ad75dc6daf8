// The flags that say where a server is and whom to trust, the same for every subcommand.
import { type Command, InvalidArgumentError } from 'commander'
import type { ChannelConfig } from '../../core/client/channel.js'
import type { CallOptions } from '../../core/client/client.js'
import { VaultError } from '../../core/errors.js'
import type { Session } from '../program/program.js'

export interface ConnectionFlags {
  address?: string
  tlsCa?: string
  tlsCert?: string
  tlsKey?: string
  insecure?: true
  timeout: number
}

/** Where a program connects to unless told otherwise. */
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

export function addConnectionFlags(command: Command, { variable, address }: DefaultTarget): Command {
  return command
    .optionsGroup('Connection:')
    .option('--address <host:port>', `server to call (default: $${variable}, else ${address})`)
    .option('--tls-ca <file>', 'certificate authority of the server; turns TLS on')
    .option('--tls-cert <file>', 'certificate of this client')
    .option('--tls-key <file>', 'private key of that certificate')
    .option('--insecure', 'allow plain text to another machine')
    .option('--timeout <seconds>', 'how long to wait for an answer', parseSeconds, defaultTimeoutSeconds)
}

/** The channel that flags and environment describe. */
export function channelOf(flags: ConnectionFlags, target: DefaultTarget, env: NodeJS.ProcessEnv): ChannelConfig {
  const { tlsCa = '', tlsCert = '', tlsKey = '' } = flags
  const tls = { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey }
  return {
    address: flags.address ?? env[target.variable] ?? target.address,
    insecure: flags.insecure === true,
    ...(tlsCa + tlsCert + tlsKey !== '' && { tls }),
  }
}

export function callOptionsOf({ timeout }: ConnectionFlags, { signal }: Session): CallOptions {
  return { timeoutMs: timeout * 1000, signal }
}

/** Runs work; the error of a server that cannot be used says which one that is, and what gRPC knows of it. */
export async function withConnectionErrors<T>({ address, tls }: ChannelConfig, work: () => Promise<T>): Promise<T> {
  try {
    return await (tls ? withoutDeprecations(work) : work())
  } catch (error) {
    throw error instanceof VaultError ? named(error, address) : error
  }
}

// grpc-js names a server to TLS even by an IP address and has no option against it. Node then warns (DEP0123), which is
// for who writes programs, not for who runs them.
async function withoutDeprecations<T>(work: () => Promise<T>): Promise<T> {
  const { noDeprecation = false } = process
  process.noDeprecation = true
  try {
    return await work()
  } finally {
    process.noDeprecation = noDeprecation
  }
}

export function unreachableMessage(address: string): string {
  return `no server answers at ${address}`
}

function named(error: VaultError, address: string): VaultError {
  const { reason } = error
  const words = wordsOfGrpc(error)
  if (reason === 'UNREACHABLE' && (words === '' || words.includes('ECONNREFUSED'))) {
    return new VaultError(reason, { message: unreachableMessage(address), cause: error })
  }
  if (words === '' || (reason !== 'UNREACHABLE' && reason !== 'INTERNAL')) return error
  const isBroken = reason === 'UNREACHABLE'
  const what = isBroken ? `the connection to ${address} failed` : `what ${address} answers is not ours`
  const fields = isBroken ? [{ field: 'connection', description: what }] : []
  return new VaultError(reason, { message: `${what}\nhint: gRPC says: ${words}`, fields, cause: error })
}

const maxShownWords = 400
const wrapping = /^(round_robin: )?(No connection established\. Last error: )*|[. ]*Resolution note: $/g

/** Why gRPC itself let a call fail, on one line as foreign text must be; empty when it was a server of ours that did. */
function wordsOfGrpc({ cause, message }: VaultError): string {
  const { details } = (cause ?? {}) as { details?: unknown }
  if (typeof details !== 'string' || details === message) return ''
  return details.replace(/\s+/g, ' ').replace(wrapping, '').trim().slice(0, maxShownWords)
}
