// Retries the write that commits a record in parts, so that an upload survives a back end that is busy or restarts. A
// prior attempt with an unknown outcome may have committed. If it did, and the record was deleted since, a second write
// would restore the deleted record. So after such an attempt:
// - If the precondition names a key id, which never recurs, the write is retried. The back end then finds the prior
//   attempt, or knows that it did not commit, or refuses the write.
// - Otherwise the version is looked up. The write succeeded if the version is stored, or was replaced since. A prior
//   attempt may still take effect after the first look-up, but not for long: a back end starts no work for a
//   caller that has gone, and work that is already under way soon ends. So if the version is absent once `settleMs`
//   have passed since the prior attempt failed, it stays absent. A look-up that fails is repeated until the retry
//   limits are reached.
// In every other case the outcome stays unknown, even if the last attempt was refused: a refusal says nothing about the
// prior attempt.
import { type Reason, VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { KnownEnvelope, SealedRecord, StoredEnvelope } from '../../gen/encserver/v1/backend.js'
import { readHeader } from '../crypto/envelope.js'
import type { UserKey } from '../crypto/user-key.js'
import { isUnknownOutcome, retryTransient } from '../upstream/retry.js'
import type { Vault } from '../vault/vault.js'
import { commitRecord, maxCommitTries } from './commit-record.js'
import { answerKnown } from './known-write.js'
import type { SealedWrite } from './record-write.js'

/** The reasons of `answerKnown`: they tell what the prior attempt has done. */
const knownWriteReasons: Reason[] = ['RECORD_REPLACED', 'RECORD_KEY_MISMATCH', 'TOKEN_REUSED']

/** Writes the record; rejects as `commitRecord` does, with CONTENTION, and with OUTCOME_UNKNOWN. */
export async function commitWithRetry(vault: Vault, sealed: SealedWrite, call: CallContext): Promise<StoredEnvelope> {
  const expectsKeyId = sealed.write.request.precondition?.condition?.$case === 'keyId'
  let priorAttempt: { settledAt: number } | undefined
  const attempt = async (attemptCall: CallContext) => {
    try {
      if (priorAttempt === undefined || expectsKeyId) return await commitUnderLiveKey(vault, sealed, attemptCall)
      const mayLand = Date.now() < priorAttempt.settledAt
      return (await findCommitted(vault, sealed, attemptCall)) ?? notFound(mayLand)
    } catch (error) {
      if (isUnknownOutcome(error)) priorAttempt ??= { settledAt: Date.now() + vault.retryLimits.settleMs }
      throw error
    }
  }
  try {
    return await retryTransient(attempt, call, vault.retryLimits)
  } catch (error) {
    throw priorAttempt === undefined ? error : asUnknownOutcome(error)
  }
}

/** Commits the same seal under the user key that is live; an attempt under another key writes nothing. */
async function commitUnderLiveKey(vault: Vault, sealed: SealedWrite, call: CallContext): Promise<StoredEnvelope> {
  let liveKey: UserKey | undefined
  for (let tries = 1; tries <= maxCommitTries; tries += 1) {
    const outcome = await commitRecord(vault, { ...sealed, liveKey }, call)
    if (outcome.stored) return outcome.stored
    liveKey = outcome.liveKey
  }
  throw new VaultError('CONTENTION')
}

/**
 * The answer of a prior attempt at this write; undefined if none is there, or not there any more. Another attempt of the same
 * token, by a repeat of the caller, is answered as the back end's `known` is.
 */
async function findCommitted(
  vault: Vault,
  sealed: SealedWrite,
  call: CallContext,
): Promise<StoredEnvelope | undefined> {
  const recordIds = [sealed.write.recordId]
  const { records, user } = await vault.backend.listEnvelopeVersions({ recordIds }, call)
  const found = findVersion(records, sealed.seal.keyId)
  return found && answerKnown(vault, sealed, { user, ...found })
}

/** The version under this key id; its record only if it is the current one. */
function findVersion(records: SealedRecord[], keyId: Buffer): Omit<KnownEnvelope, 'user'> | undefined {
  const [current] = records
  const own = records.find(({ envelope }) => readHeader(envelope).keyId.equals(keyId))
  if (own) {
    const { version, storeTime } = own
    return { record: own === current ? own : undefined, stored: { version, storeTime } }
  }
  const replacedBefore = current?.replacedKeyIds.findIndex((replaced) => replaced.equals(keyId)) ?? -1
  if (current === undefined || replacedBefore < 0) return undefined
  const { version, storeTime } = current
  return { record: undefined, stored: { version: version - BigInt(replacedBefore + 1), storeTime } }
}

/** Throws a transient error while a prior attempt may still take effect, and a permanent error afterwards. */
function notFound(mayLand: boolean): never {
  throw new VaultError(mayLand ? 'OUTCOME_UNKNOWN' : 'RECORD_NOT_FOUND')
}

/** OUTCOME_UNKNOWN, except for a call that its caller cancelled, for a bug, and for the answer to a known write. */
function asUnknownOutcome(error: unknown): unknown {
  if (!(error instanceof VaultError)) return error
  const { kind, reason } = error
  const keep = kind === 'cancelled' || kind === 'internal' || knownWriteReasons.includes(reason)
  return keep ? error : new VaultError('OUTCOME_UNKNOWN', { cause: error })
}
