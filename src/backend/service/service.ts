// The RPC methods of the back end, over a store for records and a store for parts. The store decides how rows are kept;
// the contents of an envelope are opaque to the back end.
import { type Clock, neverBack, newClock } from '../../core/clock.js'
import type { VaultError } from '../../core/errors.js'
import { noBytes } from '../../core/frame.js'
import type { Methods } from '../../core/methods.js'
import type {
  BackendServiceServer,
  SealedRecord,
  StoreEnvelopeRequest,
  StoreEnvelopeResponse,
  UserDocument,
} from '../../gen/encserver/v1/backend.js'
import { findRecord, findUser } from '../record/find-record.js'
import { priorAttempt } from '../record/idempotency.js'
import { pruner } from '../record/prune.js'
import { userPseudonymOf } from '../record/record-id.js'
import { findVersion, listVersions, putKeeping } from '../record/versions.js'
import { defaultPartLimits, maxUploadMs, type PartLimits } from '../store/part-limits.js'
import type { PartSet, PartStore } from '../store/part-store.js'
import type { Store, StoreCall, StoreContext, WriteAnswer } from '../store/store.js'
import { checkParts } from './check-parts.js'
import { deleteRecord } from './delete-record.js'
import { type BackendCalls, executeBatch } from './execute-batch.js'
import { keyringBinding, type RequireKeyring } from './keyring-binding.js'
import { listPage } from './list-page.js'
import { partsService } from './parts-service.js'
import {
  validateBinding,
  validateDelete,
  validateList,
  validateRetrieve,
  validateStore,
  validateVersions,
} from './validate.js'

/** The stores and clocks of the methods, and listeners for events that callers do not see. */
export interface BackendServiceOptions {
  store: Store
  parts: PartStore
  partLimits?: PartLimits
  /** The clock of `store_time`. */
  now?: () => Date
  /** Decides what has expired. */
  clock?: Clock
  /** Called when nothing in the store refers to a part set any more. */
  onReleased?: (set: PartSet) => void
  /** Called for each failed call of a batch: only its caller learns of it otherwise. */
  onCallFailure?: (error: VaultError, requestId: string) => void
  /** Called when the clean-up after a write or delete failed. The sweep removes the leftovers. */
  onPruneFailure?: (error: unknown) => void
}

/** The user of the record; inserted if the request brings a new user. */
function ownerOf(
  store: Store,
  { record, newUser }: { record: SealedRecord; newUser: StoreEnvelopeRequest['newUser'] },
  call: StoreCall,
): Promise<UserDocument | undefined> {
  return newUser ? store.insertUser(newUser, call) : store.getUser(userPseudonymOf(record.recordId), call)
}

function resultOf({ stored, known }: WriteAnswer, user: UserDocument): StoreEnvelopeResponse {
  if (known === undefined) return { result: { $case: 'stored', value: stored } }
  return { result: { $case: 'known', value: { record: known.record, user, stored } } }
}

/** All methods of the back end. */
export function backendService(options: BackendServiceOptions): Methods<BackendServiceServer> {
  const { store, parts, clock = newClock(), partLimits = defaultPartLimits } = options
  const requireKeyring = keyringBinding(store)
  const calls = {
    ...writeCalls({ ...options, clock, partLimits, requireKeyring }),
    ...readCalls({ store, clock }),
    ...partsService(parts, partLimits),
    ...bindingCalls(store, requireKeyring),
  }
  return { ...calls, executeBatch: executeBatch(calls, options.onCallFailure) }
}

function writeCalls(
  options: BackendServiceOptions & { clock: Clock; partLimits: PartLimits; requireKeyring: RequireKeyring },
): Pick<BackendCalls, 'storeEnvelope' | 'deleteEnvelope'> {
  const { store, parts, clock, partLimits, requireKeyring } = options
  const { now = () => new Date(), onPruneFailure = () => undefined } = options
  const requirement = { parts, now: neverBack(clock.forRemoving), maxAgeMs: maxUploadMs(partLimits) }
  const prune = pruner(options)
  return {
    async storeEnvelope(request, call) {
      const record = validateStore(request)
      const prior = priorAttempt({ store, clock }, request, record)
      const { precondition, keepVersions, defaultKeepVersions, newUser } = request
      const known = await checkParts(requirement, { record, priorAttempt: prior }, call)
      await requireKeyring(request, call)
      const user = await ownerOf(store, { record, newUser }, call)
      if (user === undefined) return { result: { $case: 'userAbsent', value: {} } }
      if (!user.userUid.equals(record.userUid)) return { result: { $case: 'currentUser', value: user } }
      if (known) return resultOf(known, user)
      const stamped = { ...record, storeTime: now() }
      const put = { record: stamped, precondition, keepVersions, defaultKeepVersions, priorAttempt: prior }
      const { change, ...answer } = await putKeeping({ store, clock }, put, call)
      if (change) await prune.afterReplace(change, call).catch(onPruneFailure)
      return resultOf(answer, user)
    },

    async deleteEnvelope(request, call) {
      validateDelete(request)
      const { recordIds } = request
      const user = await findUser(store, recordIds.map(userPseudonymOf), call)
      if (user === undefined) return { deleted: false }
      const expectKeyId = request.expectKeyId.length > 0 ? request.expectKeyId : undefined
      const onRemoved = (row: SealedRecord) => prune.afterRemove(row, call).catch(onPruneFailure)
      return { deleted: await deleteRecord({ store, clock }, { recordIds, user, expectKeyId, onRemoved }, call) }
    },
  }
}

function readCalls({
  store,
  clock,
}: StoreContext): Pick<BackendCalls, 'retrieveEnvelope' | 'listEnvelopes' | 'listEnvelopeVersions'> {
  return {
    async retrieveEnvelope(request, call) {
      validateRetrieve(request)
      const { recordIds, version } = request
      const now = clock.forRefusing()
      const user = findUser(store, recordIds.map(userPseudonymOf), call)
      const current = await findRecord(store.getRecord, { recordIds, user, now }, call)
      if (current === undefined || version === 0n) return { record: current, user: await user }
      return { record: await findVersion(store, { current, version, now }, call), user: await user }
    },

    async listEnvelopes(request, call) {
      validateList(request)
      const { userPseudonyms: pseudonyms, pageSize: limit, afterRecordId } = request
      const user = await findUser(store, pseudonyms, call)
      if (user === undefined) return { records: [], user, nextAfterRecordId: noBytes }
      const after = afterRecordId.length > 0 ? afterRecordId : undefined
      const query = { user, pseudonyms, after, limit, now: clock.forRefusing() }
      const { records, next } = await listPage(store, query, call)
      return { records, user, nextAfterRecordId: next ?? noBytes }
    },

    async listEnvelopeVersions(request, call) {
      validateVersions(request)
      const { recordIds } = request
      const now = clock.forRefusing()
      const user = findUser(store, recordIds.map(userPseudonymOf), call)
      const current = await findRecord(store.getRecordHeader, { recordIds, user, now }, call)
      const records = current ? await listVersions(store, { current, now }, call) : []
      return { records, user: await user }
    },
  }
}

function bindingCalls(
  store: Store,
  requireKeyring: RequireKeyring,
): Pick<BackendCalls, 'getStoreInfo' | 'bindKeyring'> {
  return {
    async getStoreInfo(_, call) {
      const { format, keyringId, keyChecks, empty } = await store.meta(call)
      return { format, keyringId: keyringId ?? noBytes, keyChecks, empty }
    },

    async bindKeyring(request, call) {
      validateBinding(request)
      await requireKeyring(request, call)
      return {}
    },
  }
}
