// A StoreEnvelope that is made again although an earlier try may have been done: it says so, and since when.
import type { StoreEnvelopeRequest } from '../../gen/encserver/v1/backend.js'

export function retriedStore(request: StoreEnvelopeRequest, triedMsAgo: number): StoreEnvelopeRequest {
  return { ...request, triedMsAgo: request.triedMsAgo + triedMsAgo }
}
