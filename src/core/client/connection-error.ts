// Error messages for a server that cannot be reached or is not ours. They name the address, and give gRPC's own explanation in a
// line that begins with `hint: `.
import { VaultError } from '../errors.js'
import type { ChannelConfig } from './channel.js'

/** Runs `work` with calls over that channel. Errors of the connection get a message with the address and gRPC's text. */
export async function withConnectionErrors<T>({ address, tls }: ChannelConfig, work: () => Promise<T>): Promise<T> {
  try {
    return await (tls ? withoutDeprecations(work) : work())
  } catch (error) {
    throw error instanceof VaultError ? connectionError(error, address) : error
  }
}

// grpc-js always sends the host as the TLS server name, even an IP address, for which Node warns (DEP0123). The warning helps
// developers, not users of a program.
async function withoutDeprecations<T>(work: () => Promise<T>): Promise<T> {
  const { noDeprecation = false } = process
  process.noDeprecation = true
  try {
    return await work()
  } finally {
    process.noDeprecation = noDeprecation
  }
}

/** The message for an address at which no server answers. */
export function unreachableMessage(address: string): string {
  return `no server answers at ${address}`
}

function connectionError(error: VaultError, address: string): VaultError {
  const { reason } = error
  const text = grpcText(error)
  if (reason === 'UNREACHABLE' && (text === '' || text.includes('ECONNREFUSED'))) {
    return new VaultError(reason, { message: unreachableMessage(address), cause: error })
  }
  if (text === '' || (reason !== 'UNREACHABLE' && reason !== 'INTERNAL')) return error
  const isBroken = reason === 'UNREACHABLE'
  const problem = isBroken ? `the connection to ${address} failed` : `the server at ${address} is not an enc-server`
  const fields = isBroken ? [{ field: 'connection', description: problem }] : []
  return new VaultError(reason, { message: `${problem}\nhint: gRPC reports: ${text}`, fields, cause: error })
}

const maxShownLength = 400
const wrapping = /^(round_robin: )?(No connection established\. Last error: )*|[. ]*Resolution note: $/g

/** gRPC's own explanation, on one line since the text is foreign; empty for the error of a server of ours. */
function grpcText({ cause, message }: VaultError): string {
  const { details } = (cause ?? {}) as { details?: unknown }
  if (typeof details !== 'string' || details === message) return ''
  return details.replace(/\s+/g, ' ').replace(wrapping, '').trim().slice(0, maxShownLength)
}
