// The error of a write with an unknown outcome. A write that timed out or was interrupted after it was sent may have taken
// effect; its error says so, and which command shows it.
import { neverSent } from '../../core/client/retry.js'
import { type Reason, VaultError } from '../../core/errors.js'

/** The keys are field names; hints.ts has a hint for each. */
const doubts = {
  'unanswered store': 'the record may have been stored',
  'unanswered restore': 'it may have been restored',
  'unanswered delete': 'the record may have been deleted',
  'unanswered import': 'records that were being sent may have been stored',
} as const

/** The kind of write that may have taken effect. */
export type Doubt = keyof typeof doubts

/** Runs a write. If it was `sent`, its error says that it may have taken effect. */
export async function withDoubt<T>(doubt: Doubt, write: () => Promise<T>, sent = () => true): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw error instanceof VaultError && sent() ? unknownOutcome(doubt, error) : error
  }
}

/** The reasons of a write that may have taken effect, however far it got. */
const unknownReasons: Reason[] = ['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE', 'INTERNAL']

/** True if the write that failed with this error of `withDoubt` may have taken effect (docs/errors.md). */
export function mayHaveTakenEffect({ reason, fields }: VaultError): boolean {
  return unknownReasons.includes(reason) || fields.some(({ field }) => Object.hasOwn(doubts, field))
}

/** The error, with the doubt added if the outcome is unknown. */
export function unknownOutcome(doubt: Doubt, error: VaultError): VaultError {
  const { reason, message: cause, requestId, fields: causeFields } = error
  const isLate = reason === 'DEADLINE_EXCEEDED' && !neverSent(error)
  if (causeFields.length > 0 || (reason !== 'CANCELLED' && !isLate)) return error
  const message = `${cause}; ${doubts[doubt]}`
  const fields = [...(isLate ? ['late'] : []), doubt].map((field) => ({ field, description: message }))
  return new VaultError(reason, { message, fields, cause: error, ...(requestId && { requestId }) })
}
