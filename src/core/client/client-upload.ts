// Calls of many requests and one answer. They are never made again: their source can be read once.
import type { MethodDefinition, ServiceError } from '@grpc/grpc-js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { failureOf, metadataOf, type OpenClient, type OutgoingCall, refusalOf } from './open-client.js'
import { neverSent } from './retry.js'
import { sendRequests } from './send-requests.js'

const unknownMessage =
  'the connection broke before the answer; the record may have been stored: read it, or upload again under the same condition'

/**
 * Sends all requests, an async iterable; rejects with what that threw, if it did, and the call is cancelled then. With
 * OUTCOME_UNKNOWN when the connection breaks after all was sent: an upload is a write, and takes effect at its end.
 */
export function callUpload(
  open: OpenClient,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<unknown, unknown>,
  { request, context }: OutgoingCall,
): Promise<unknown> {
  const { signal, deadline } = context
  return new Promise((resolve, reject) => {
    const refusal = refusalOf(open, signal)
    if (refusal) return reject(refusal)
    const done = (error: ServiceError | null, response?: unknown) => {
      sending.stop()
      signal.removeEventListener('abort', cancel)
      open.calls.delete(call)
      if (error === null) resolve(response)
      else reject(sending.failure() ?? fateOf(failureOf(open, signal, error), sending.ended(), context))
    }
    const sent = [path, requestSerialize, responseDeserialize, metadataOf(context), { deadline }, done] as const
    const call = open.client.makeClientStreamRequest(...sent)
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    open.calls.add(call)
    const sending = sendRequests(call, request as AsyncIterable<unknown>)
  })
}

function fateOf(error: VaultError, allSent: boolean, { requestId }: CallContext): VaultError {
  const told = error.reason !== 'UNREACHABLE' || neverSent(error) || !allSent
  return told ? error : new VaultError('OUTCOME_UNKNOWN', { message: unknownMessage, cause: error.cause, requestId })
}
