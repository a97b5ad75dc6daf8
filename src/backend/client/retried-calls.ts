// A DeleteEnvelope whose prior attempt may have taken effect (ADR 14). A retried store is core/client/retry.ts, `agedBy`.
import { VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { DeleteEnvelopeResponse } from '../../gen/encserver/v1/backend.js'

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
