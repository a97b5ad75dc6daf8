// The back end as the front end calls it. It is not trusted with words: of its errors only the reason passes on, and
// only one that a caller can act on.

import { neverSent } from '../../core/client/retry.js'
import { invalidField, type Reason, VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import type { BackendServiceServer } from '../../gen/encserver/v1/backend.js'

/** One interface for a back end behind gRPC and one in this process. Gathering calls into batches is the connection's. */
export type Backend = Omit<Methods<BackendServiceServer>, 'executeBatch'>

const passedOn: Partial<Record<Reason, Reason>> = {
  ALREADY_EXISTS: 'ALREADY_EXISTS',
  PRECONDITION_FAILED: 'PRECONDITION_FAILED',
  CONTENTION: 'CONTENTION',
  KEYRING_MISMATCH: 'KEYRING_MISMATCH',
  RECORD_CORRUPT: 'RECORD_CORRUPT',
  PARTS_MISSING: 'PARTS_MISSING',
  PART_NOT_FOUND: 'PART_NOT_FOUND',
  RANGE_PAST_END: 'RECORD_CORRUPT', // the front end asks for what the record's size says is there
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

function translated(thrown: unknown): VaultError {
  if (!(thrown instanceof VaultError)) return new VaultError('INTERNAL', { cause: thrown })
  if (isPastExpiry(thrown)) return invalidField('expire_time', "must be in the future, by the back end's clock as well")
  const { retryAfterMs } = thrown
  const reason = neverSent(thrown) ? 'BACKEND_UNAVAILABLE' : passedOn[thrown.reason]
  return new VaultError(reason ?? 'INTERNAL', {
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.max(0, Math.min(retryAfterMs, maxRetryAfterMs)) }),
    cause: thrown,
  })
}

// The one field that can be wrong when this side has found it right: what is future here may be past there.
function isPastExpiry({ reason, fields }: VaultError): boolean {
  return reason === 'INVALID_REQUEST' && fields.length === 1 && fields[0]?.field === 'record.expire_time'
}

/** Wraps every method of `backend`. */
export function translatedBackend(backend: Backend): Backend {
  const guard = <Request, Response>(method: (request: Request, call: CallContext) => Promise<Response>) => {
    return async (request: Request, call: CallContext) => {
      try {
        return await method(request, call)
      } catch (thrown) {
        throw translated(thrown)
      }
    }
  }
  return {
    storeEnvelope: guard(backend.storeEnvelope),
    retrieveEnvelope: guard(backend.retrieveEnvelope),
    deleteEnvelope: guard(backend.deleteEnvelope),
    listEnvelopes: guard(backend.listEnvelopes),
    listEnvelopeVersions: guard(backend.listEnvelopeVersions),
    storePart: guard(backend.storePart),
    retrievePart: guard(backend.retrievePart),
    getStoreInfo: guard(backend.getStoreInfo),
  }
}
