// The errors of a connection: no server, or one that is not ours. Their messages name the address, and the cause in gRPC's words.
import type { ServiceError } from '@grpc/grpc-js'
import { VaultError } from '../errors.js'
import { fromServiceError } from '../status.js'

/** The beginning of the message for an address at which no server answers. */
export function unreachableMessage(address: string): string {
  return `no server answers at ${address}`
}

/** Converts the error of a gRPC call to that address to a VaultError. */
export function callError(failure: ServiceError, address: string): VaultError {
  const error = fromServiceError(failure)
  const { reason } = error
  const text = grpcText(error, failure)
  if (text === undefined || (reason !== 'UNREACHABLE' && reason !== 'INTERNAL')) return error
  const isBroken = reason === 'UNREACHABLE' && !text.includes('ECONNREFUSED')
  const problem = isBroken
    ? `the connection to ${address} failed`
    : reason === 'UNREACHABLE'
      ? unreachableMessage(address)
      : `the server at ${address} is not an enc-server`
  const fields = isBroken ? [{ field: 'connection', description: problem }] : []
  return new VaultError(reason, { message: text === '' ? problem : `${problem} (${text})`, fields, cause: failure })
}

const maxShownLength = 400
const wrapping = /^(round_robin: )?(No connection established\. Last error: (Error: )?)*|[. ]*Resolution note: $/g

/** gRPC's own explanation, on one line since the text is foreign; undefined for the error of a server of ours. */
function grpcText({ message, requestId }: VaultError, { details }: ServiceError): string | undefined {
  if (requestId !== undefined || details === message) return undefined
  return details.replace(/\s+/g, ' ').replace(wrapping, '').trim().slice(0, maxShownLength)
}
