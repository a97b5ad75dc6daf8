// A DeleteEnvelope that is made again although an earlier try may have been done. When nothing is there to delete, or
// another version than expected, that may be the earlier try's work: nobody knows whether it did any.
import { VaultError } from '../../core/errors.js'
import { asVaultError } from '../../core/status.js'
import type { DeleteEnvelopeResponse } from '../../gen/encserver/v1/backend.js'

/** What the answer to the later try says of both. */
export async function retriedDelete(answer: Promise<DeleteEnvelopeResponse>): Promise<DeleteEnvelopeResponse> {
  try {
    const { deleted } = await answer
    if (deleted) return { deleted }
  } catch (error) {
    if (asVaultError(error).reason !== 'PRECONDITION_FAILED') throw error
  }
  throw new VaultError('OUTCOME_UNKNOWN')
}
