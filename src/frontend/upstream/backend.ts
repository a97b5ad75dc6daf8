// The back end as the front end calls it, with its errors translated. The front end does not trust the words of a back
// end: only the reason of an error passes on, and only a reason that a caller can act on.

import { neverSent } from '../../core/client/retry.js'
import { invalidField, type Reason, VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import type { BackendServiceServer } from '../../gen/encserver/v1/backend.js'

/** A back end behind gRPC or in this process. It has no `executeBatch`: the connection gathers calls into batches. */
export type Backend = Omit<Methods<BackendServiceServer>, 'executeBatch'>

/** The reason for callers, by the back end's reason; any other becomes INTERNAL. */
const passedReasons: Partial<Record<Reason, Reason>> = {
  ALREADY_EXISTS: 'ALREADY_EXISTS',
  PRECONDITION_FAILED: 'PRECONDITION_FAILED',
  CONTENTION: 'CONTENTION',
  KEYRING_MISMATCH: 'KEYRING_MISMATCH',
  RECORD_CORRUPT: 'RECORD_CORRUPT',
  PARTS_MISSING: 'PARTS_MISSING',
  PART_NOT_FOUND: 'PART_NOT_FOUND',
  RANGE_PAST_END: 'RECORD_CORRUPT', // the front end asks only for bytes that exist by the record's size
  STORE_FULL: 'STORE_FULL',
  STORE_UNAVAILABLE: 'STORE_UNAVAILABLE',
  OVERLOADED: 'OVERLOADED',
  OUTCOME_UNKNOWN: 'OUTCOME_UNKNOWN',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  CANCELLED: 'CANCELLED',
  UNREACHABLE: 'BACKEND_UNAVAILABLE',
  NOT_SUPPORTED: 'NOT_SUPPORTED',
}

const maxRetryAfterMs = 60_000

function translateError(thrown: unknown): VaultError {
  if (!(thrown instanceof VaultError)) return new VaultError('INTERNAL', { cause: thrown })
  if (isPastExpiry(thrown)) return invalidField('expire_time', "must be in the future, by the back end's clock as well")
  const { retryAfterMs } = thrown
  const reason = neverSent(thrown) ? 'BACKEND_UNAVAILABLE' : passedReasons[thrown.reason]
  return new VaultError(reason ?? 'INTERNAL', {
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.max(0, Math.min(retryAfterMs, maxRetryAfterMs)) }),
    cause: thrown,
  })
}

// The one field that the back end may refuse after this side accepted it: the clocks may differ.
function isPastExpiry({ reason, fields }: VaultError): boolean {
  return reason === 'INVALID_REQUEST' && fields.length === 1 && fields[0]?.field === 'record.expire_time'
}

/** The same back end with the errors of every method translated. */
export function translatedBackend(backend: Backend): Backend {
  const translated = <Request, Response>(method: (request: Request, call: CallContext) => Promise<Response>) => {
    return async (request: Request, call: CallContext) => {
      try {
        return await method(request, call)
      } catch (thrown) {
        throw translateError(thrown)
      }
    }
  }
  return {
    storeEnvelope: translated(backend.storeEnvelope),
    retrieveEnvelope: translated(backend.retrieveEnvelope),
    deleteEnvelope: translated(backend.deleteEnvelope),
    listEnvelopes: translated(backend.listEnvelopes),
    listEnvelopeVersions: translated(backend.listEnvelopeVersions),
    storePart: translated(backend.storePart),
    retrievePart: translated(backend.retrievePart),
    getStoreInfo: translated(backend.getStoreInfo),
  }
}
