// A write whose time was over, or that was interrupted, before its answer came may have been done nevertheless: its error
// says so, and what to do.

import { neverSent } from '../../core/client/retry.js'
import { VaultError } from '../../core/errors.js'

/** By the fields that hints.ts has words for. */
const doubts = {
  'unanswered store': 'the record may have been stored',
  'unanswered restore': 'it may have been restored',
  'unanswered delete': 'the record may have been deleted',
  'unanswered import': 'what was on its way may have been stored',
} as const

export type Doubt = keyof typeof doubts

/** Runs a write; its error tells of what may have been done, if it has been `sent`. */
export async function withDoubt<T>(doubt: Doubt, write: () => Promise<T>, sent = () => true): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw error instanceof VaultError && sent() ? unknownOutcome(doubt, error) : error
  }
}

/** The same error, and the doubt if it leaves any. */
export function unknownOutcome(doubt: Doubt, error: VaultError): VaultError {
  const { reason, message, requestId, fields } = error
  const late = reason === 'DEADLINE_EXCEEDED' && !neverSent(error)
  if (fields.length > 0 || (reason !== 'CANCELLED' && !late)) return error
  const told = `${message}; ${doubts[doubt]}`
  const found = [...(late ? ['late'] : []), doubt].map((field) => ({ field, description: told }))
  return new VaultError(reason, { message: told, fields: found, cause: error, ...(requestId && { requestId }) })
}
