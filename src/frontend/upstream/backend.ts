// The back end as the front end calls it, with its errors translated. The front end does not trust the words of a back
// end: only the reason of an error passes on, and only a reason that this method can give for this request. Any other would
// make a caller act on a condition that it never set.
import { neverSent } from '../../core/client/retry.js'
import { invalidField, type Reason, VaultError } from '../../core/errors.js'
import type { CallContext, Methods } from '../../core/methods.js'
import type {
  BackendServiceServer,
  DeleteEnvelopeRequest,
  StoreEnvelopeRequest,
} from '../../gen/encserver/v1/backend.js'

/** A back end behind gRPC or in this process. It has no `executeBatch`: the connection gathers calls into batches. */
export type Backend = Omit<Methods<BackendServiceServer>, 'executeBatch'>

/** The reasons that a method passes on, each with the requests that it can answer; any other reason becomes INTERNAL. */
type PassedReasons<Request> = Partial<Record<Reason, (request: Request, error: VaultError) => boolean>>

const always = () => true

const sharedReasons: PassedReasons<unknown> = {
  STORE_FULL: always,
  STORE_UNAVAILABLE: always,
  STORE_REFUSED: always,
  OVERLOADED: always,
  DEADLINE_EXCEEDED: always,
  CANCELLED: always,
  UNREACHABLE: always,
}
const storeReasons: PassedReasons<StoreEnvelopeRequest> = {
  ALREADY_EXISTS: ({ precondition }) => precondition?.condition?.$case === 'absent',
  PRECONDITION_FAILED: ({ precondition }) => precondition?.condition?.$case === 'keyId',
  PARTS_MISSING: ({ record }) => record !== undefined && record.partCount > 0,
  INVALID_REQUEST: isPastExpiry,
  OUTCOME_UNKNOWN: always,
  CONTENTION: always,
  KEYRING_MISMATCH: always,
  RECORD_CORRUPT: always,
}
const deleteReasons: PassedReasons<DeleteEnvelopeRequest> = {
  PRECONDITION_FAILED: ({ expectKeyId }) => expectKeyId.length > 0,
  OUTCOME_UNKNOWN: always,
  CONTENTION: always,
  RECORD_CORRUPT: always,
}
const readReasons: PassedReasons<unknown> = { RECORD_CORRUPT: always }
const storePartReasons: PassedReasons<unknown> = { ALREADY_EXISTS: always, OUTCOME_UNKNOWN: always }
const retrievePartReasons: PassedReasons<unknown> = {
  PART_NOT_FOUND: always,
  RANGE_PAST_END: always,
  RECORD_CORRUPT: always,
}
const storeInfoReasons: PassedReasons<unknown> = { NOT_SUPPORTED: always }
const bindReasons: PassedReasons<unknown> = { KEYRING_MISMATCH: always, CONTENTION: always, NOT_SUPPORTED: always }

/** The reasons that have another name for callers of the front end. */
const renamedReasons: Partial<Record<Reason, Reason>> = {
  RANGE_PAST_END: 'RECORD_CORRUPT', // the front end asks only for bytes that exist by the record's size
  UNREACHABLE: 'BACKEND_UNAVAILABLE',
}

const maxRetryAfterMs = 60_000

function translateError(error: VaultError, passes: boolean): VaultError {
  const { retryAfterMs, reason } = error
  if (passes && reason === 'INVALID_REQUEST') {
    return invalidField('expire_time', "must be in the future, by the back end's clock as well")
  }
  const passed = passes ? (renamedReasons[reason] ?? reason) : 'INTERNAL'
  return new VaultError(neverSent(error) ? 'BACKEND_UNAVAILABLE' : passed, {
    ...(retryAfterMs !== undefined && { retryAfterMs: Math.max(0, Math.min(retryAfterMs, maxRetryAfterMs)) }),
    cause: error,
  })
}

type Method<Request, Response> = (request: Request, call: CallContext) => Promise<Response>

function translated<Request, Response>(
  method: Method<Request, Response>,
  reasons: PassedReasons<Request>,
): Method<Request, Response> {
  return async (request, call) => {
    try {
      return await method(request, call)
    } catch (thrown) {
      if (!(thrown instanceof VaultError)) throw new VaultError('INTERNAL', { cause: thrown })
      const answers = reasons[thrown.reason] ?? sharedReasons[thrown.reason]
      throw translateError(thrown, answers?.(request, thrown) ?? false)
    }
  }
}

// The one field that the back end may refuse after this side accepted it: the clocks may differ.
function isPastExpiry({ record }: StoreEnvelopeRequest, { fields }: VaultError): boolean {
  return record?.expireTime !== undefined && fields.length === 1 && fields[0]?.field === 'record.expire_time'
}

/** The same back end with the errors of every method translated. */
export function translatedBackend(backend: Backend): Backend {
  return {
    storeEnvelope: translated(backend.storeEnvelope, storeReasons),
    retrieveEnvelope: translated(backend.retrieveEnvelope, readReasons),
    deleteEnvelope: translated(backend.deleteEnvelope, deleteReasons),
    listEnvelopes: translated(backend.listEnvelopes, readReasons),
    listEnvelopeVersions: translated(backend.listEnvelopeVersions, readReasons),
    storePart: translated(backend.storePart, storePartReasons),
    retrievePart: translated(backend.retrievePart, retrievePartReasons),
    getStoreInfo: translated(backend.getStoreInfo, storeInfoReasons),
    bindKeyring: translated(backend.bindKeyring, bindReasons),
  }
}
