// A StoreEnvelope or DeleteEnvelope whose prior attempt may have taken effect (ADR 14).
import { VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { DeleteEnvelopeResponse, StoreEnvelopeRequest } from '../../gen/encserver/v1/backend.js'

/** The largest age of a prior attempt that the field holds: 49 days, in milliseconds. */
const maxTriedMsAgo = 2 ** 32 - 1

/**
 * The request for a retry, with the age of the first attempt in milliseconds: `elapsedMs` more than the request has, whether
 * its caller made that attempt (`tried_ms_ago`) or this client did.
 */
export function retriedStore(request: StoreEnvelopeRequest, elapsedMs: number): StoreEnvelopeRequest {
  return { ...request, triedMsAgo: Math.min(request.triedMsAgo + elapsedMs, maxTriedMsAgo) }
}

/**
 * The outcome of a delete and its prior attempt together, from the answer to the retry. Throws OUTCOME_UNKNOWN when the
 * retry found no record or another version: the prior attempt may have removed it.
 */
export async function retriedDelete(answer: Promise<DeleteEnvelopeResponse>): Promise<DeleteEnvelopeResponse> {
  try {
    const { deleted } = await answer
    if (deleted) return { deleted }
  } catch (error) {
    if (asVaultError(error).reason !== 'PRECONDITION_FAILED') throw error
  }
  throw new VaultError('OUTCOME_UNKNOWN')
}
