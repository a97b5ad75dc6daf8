// The write that makes a record of parts outlives a back end that is busy or away, as they do. But one whose fate is
// unknown is not simply made again: if it was done and the record deleted since, that would bring it back. So it is
// - made again only when its caller expects a certain key id, which never recurs: then it is found done, or was not done
//   until now, or is refused;
// - otherwise looked for, and a success when it is there or was replaced since. It may land after the first look, but not
//   at any time: a back end begins nothing for a caller that has gone, and what it has begun ends. So "not there" is
//   the last word once the doubt is `settleMs` old; a look without an answer is not, and is repeated until patience ends.
// Anything else leaves the outcome unknown, a later refusal too: that says nothing of the write before.
import { VaultError } from '../../core/errors.js'
import type { CallContext } from '../../core/methods.js'
import type { StoredEnvelope } from '../../gen/encserver/v1/backend.js'
import { readHeader } from '../crypto/envelope.js'
import { isUnknownOutcome, retryTransient } from '../upstream/retry.js'
import type { Vault } from '../vault/vault.js'
import { type Committing, commitRecord, untilCommitted } from './commit-record.js'

/** Rejects as `commitRecord` does, with CONTENTION, and with OUTCOME_UNKNOWN. */
export async function commitWithRetry(
  vault: Vault,
  committing: Committing,
  call: CallContext,
): Promise<StoredEnvelope> {
  const expectsKeyId = committing.request.precondition?.condition?.$case === 'keyId'
  let settledAt: number | undefined
  const attempt = async (once: CallContext) => {
    try {
      if (settledAt === undefined || expectsKeyId) return await commitRecord(vault, committing, once)
      const mayLand = Date.now() < settledAt
      return (await findWritten(vault, committing, once)) ?? notThere(mayLand)
    } catch (error) {
      if (isUnknownOutcome(error)) settledAt ??= Date.now() + vault.patience.settleMs
      throw error
    }
  }
  try {
    return await untilCommitted(() => retryTransient(attempt, call, vault.patience))
  } catch (error) {
    throw settledAt === undefined ? error : unknownUnlessTold(error)
  }
}

/** The version that was written; undefined when it is not there, or not any more. */
async function findWritten(
  { backend }: Vault,
  { recordId, seal: { keyId } }: Committing,
  call: CallContext,
): Promise<StoredEnvelope | undefined> {
  const { records } = await backend.listEnvelopeVersions({ recordIds: [recordId] }, call)
  const own = records.find(({ envelope }) => readHeader(envelope).keyId.equals(keyId))
  if (own) return { version: own.version, storeTime: own.storeTime }
  const [current] = records
  const replacedBefore = current?.replacedKeyIds.findIndex((replaced) => replaced.equals(keyId)) ?? -1
  if (current === undefined || replacedBefore < 0) return undefined
  return { version: current.version - BigInt(replacedBefore + 1), storeTime: current.storeTime }
}

/** Throws what patience tries again after, or does not. */
function notThere(mayLand: boolean): never {
  throw new VaultError(mayLand ? 'OUTCOME_UNKNOWN' : 'RECORD_NOT_FOUND')
}

/** A caller that has gone knows, and a bug is told as one. */
function unknownUnlessTold(error: unknown): unknown {
  const told = !(error instanceof VaultError) || error.kind === 'cancelled' || error.kind === 'internal'
  return told ? error : new VaultError('OUTCOME_UNKNOWN', { cause: error })
}
