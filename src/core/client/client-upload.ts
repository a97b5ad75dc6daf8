// Calls with many requests and one response. They are never retried, as their source can be read only once.
import type { MethodDefinition, ServiceError } from '@grpc/grpc-js'
import { VaultError } from '../errors.js'
import type { CallContext } from '../methods.js'
import { failureOf, metadataOf, type OpenClient, type OutgoingCall, refusalOf } from './open-client.js'
import { neverSent } from './retry.js'
import { sendRequests } from './send-requests.js'

const unknownMessage =
  'the connection broke before the answer; the record may have been stored: read it, or upload again under the same condition'

/**
 * Sends all requests of an async iterable. If the iterable throws, the call is cancelled and rejects with that error. Rejects
 * with OUTCOME_UNKNOWN if the connection breaks after the last request, since an upload takes effect at its end.
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
      else reject(sending.failure() ?? withUnknownOutcome(failureOf(open, signal, error), sending.ended(), context))
    }
    const args = [path, requestSerialize, responseDeserialize, metadataOf(context), { deadline }, done] as const
    const call = open.client.makeClientStreamRequest(...args)
    const cancel = () => call.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    open.calls.add(call)
    const sending = sendRequests(call, request as AsyncIterable<unknown>)
  })
}

function withUnknownOutcome(error: VaultError, allSent: boolean, { requestId }: CallContext): VaultError {
  const isKnown = error.reason !== 'UNREACHABLE' || neverSent(error) || !allSent
  return isKnown ? error : new VaultError('OUTCOME_UNKNOWN', { message: unknownMessage, cause: error.cause, requestId })
}
