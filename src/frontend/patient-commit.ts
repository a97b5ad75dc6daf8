// The write that makes a record of parts outlives a back end that is busy or away, as they do. But one whose fate is
// unknown is not simply made again: if it was done and the record deleted since, that would bring it back. So it is
// - made again only when its caller expects a certain key id, which never recurs: then it is found done, or was not done
//   until now, or is refused;
// - otherwise looked for, and a success when it is there or was replaced since.
// Anything else leaves the outcome unknown, a later refusal too: that says nothing of the write before.
import { VaultError } from '../core/errors.js'
import type { CallContext } from '../core/methods.js'
import type { StoredEnvelope } from '../gen/encserver/v1/backend.js'
import { type Committing, commitRecord, untilCommitted } from './commit-record.js'
import { readHeader } from './crypto/envelope.js'
import { isUnsure, patiently } from './patience.js'
import type { Vault } from './vault.js'

/** Rejects as `commitRecord` does, with CONTENTION, and with OUTCOME_UNKNOWN. */
export async function commitPatiently(
  vault: Vault,
  committing: Committing,
  call: CallContext,
): Promise<StoredEnvelope> {
  const expectsKeyId = committing.request.precondition?.condition?.$case === 'keyId'
  let perhapsDone = false
  const attempt = async (once: CallContext) => {
    try {
      return await (perhapsDone && !expectsKeyId ? findWritten : commitRecord)(vault, committing, once)
    } catch (error) {
      perhapsDone ||= isUnsure(error)
      throw error
    }
  }
  try {
    return await untilCommitted(() => patiently(attempt, call))
  } catch (error) {
    throw perhapsDone ? unknownUnlessTold(error) : error
  }
}

/** The version that was written; rejects with RECORD_NOT_FOUND when it is not there, or not any more. */
async function findWritten(
  { backend }: Vault,
  { recordId, seal: { keyId } }: Committing,
  call: CallContext,
): Promise<StoredEnvelope> {
  const { records } = await backend.listEnvelopeVersions({ recordIds: [recordId] }, call)
  const own = records.find(({ envelope }) => readHeader(envelope).keyId.equals(keyId))
  if (own) return { version: own.version, storeTime: own.storeTime }
  const [current] = records
  const replacedBefore = current?.replacedKeyIds.findIndex((replaced) => replaced.equals(keyId)) ?? -1
  if (current === undefined || replacedBefore < 0) throw new VaultError('RECORD_NOT_FOUND')
  return { version: current.version - BigInt(replacedBefore + 1), storeTime: current.storeTime }
}

/** A caller that has gone knows, and a bug is told as one. */
function unknownUnlessTold(error: unknown): unknown {
  const told = !(error instanceof VaultError) || error.kind === 'cancelled' || error.kind === 'internal'
  return told ? error : new VaultError('OUTCOME_UNKNOWN', { cause: error })
}
