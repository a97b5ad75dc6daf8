// The back end's methods: what they mean for users and records. How rows are kept is the store's affair, and what is in
// an envelope is nobody's here.
import { VaultError } from '../core/errors.js'
import type { Methods } from '../core/methods.js'
import type {
  BackendServiceServer,
  SealedRecord,
  StoreEnvelopeRequest,
  StoreEnvelopeResponse,
} from '../gen/encserver/v1/backend.js'
import { type BackendCalls, executeBatch } from './execute-batch.js'
import { findRecord, findUser } from './first-hit.js'
import { keyringBinding } from './keyring-binding.js'
import { defaultPartLimits, longestUploadMs, type PartLimits } from './part-limits.js'
import type { PartStore } from './part-store.js'
import { type PartCalls, partsService } from './parts-service.js'
import { removeRecord } from './remove-record.js'
import { requireParts } from './require-parts.js'
import type { Store, StoreCall } from './store.js'
import { userPage } from './user-page.js'
import { userPseudonymOf, validateDelete, validateList, validateRetrieve, validateStore } from './validate.js'

export interface BackendServiceOptions {
  store: Store
  parts: PartStore
  partLimits?: PartLimits
  /** The clock of `store_time`. */
  now?: () => Date
  /** Told of each call of a batch that failed, as only its caller hears of it otherwise. */
  failed?: (error: VaultError, requestId: string) => void
}

const noBytes = Buffer.alloc(0)

/** The user's document if the record was not sealed under it, which is the answer then; undefined when it was. */
async function otherUser(
  store: Store,
  { record, newUser }: { record: SealedRecord; newUser: StoreEnvelopeRequest['newUser'] },
  call: StoreCall,
): Promise<StoreEnvelopeResponse['result']> {
  const user = newUser
    ? await store.insertUser(newUser, call)
    : await store.getUser(userPseudonymOf(record.recordId), call)
  if (user === undefined) return { $case: 'userAbsent', value: {} }
  return user.userUid.equals(record.userUid) ? undefined : { $case: 'currentUser', value: user }
}

const notYet = () => Promise.reject(new VaultError('NOT_SUPPORTED'))
const notYetCalls = { listEnvelopeVersions: notYet }

/** All methods. */
export function backendService(options: BackendServiceOptions): Methods<BackendServiceServer> {
  const { parts, partLimits = defaultPartLimits } = options
  const calls = { ...backendCalls(options), ...partsService(parts, partLimits), ...notYetCalls }
  return { ...calls, executeBatch: executeBatch(calls, options.failed) }
}

function backendCalls({
  store,
  parts,
  partLimits = defaultPartLimits,
  now = () => new Date(),
}: BackendServiceOptions): Omit<BackendCalls, keyof typeof notYetCalls | keyof PartCalls> {
  const requireKeyring = keyringBinding(store)
  const requirement = { store, parts, now, maxAgeMs: longestUploadMs(partLimits) }
  return {
    async storeEnvelope(request, call) {
      const record = validateStore(request)
      await requireParts(requirement, record, call)
      await requireKeyring(request.keyringId, call)
      const refusal = await otherUser(store, { record, newUser: request.newUser }, call)
      if (refusal) return { result: refusal }
      const stored = await store.putRecord({ ...record, storeTime: now() }, request.precondition, call)
      return { result: { $case: 'stored', value: stored } }
    },

    async retrieveEnvelope(request, call) {
      validateRetrieve(request)
      const { recordIds } = request
      const user = findUser(store, recordIds.map(userPseudonymOf), call)
      const record = await findRecord(store, { recordIds, user }, call)
      return { record, user: await user }
    },

    async deleteEnvelope(request, call) {
      validateDelete(request)
      const { recordIds } = request
      const user = await findUser(store, recordIds.map(userPseudonymOf), call)
      if (user === undefined) return { deleted: false }
      const expectKeyId = request.expectKeyId.length > 0 ? request.expectKeyId : undefined
      return { deleted: await removeRecord(store, { recordIds, user, expectKeyId }, call) }
    },

    async listEnvelopes(request, call) {
      validateList(request)
      const { userPseudonyms: pseudonyms, pageSize: limit, afterRecordId } = request
      const user = await findUser(store, pseudonyms, call)
      if (user === undefined) return { records: [], user, nextAfterRecordId: noBytes }
      const after = afterRecordId.length > 0 ? afterRecordId : undefined
      const { records, next } = await userPage(store, { user, pseudonyms, after, limit }, call)
      return { records, user, nextAfterRecordId: next ?? noBytes }
    },

    async getStoreInfo(_, call) {
      const { format, keyringId, empty } = await store.meta(call)
      return { format, keyringId: keyringId ?? noBytes, empty }
    },
  }
}
