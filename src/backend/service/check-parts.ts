// The check of a record in parts: the record becomes visible only if all its parts exist and no sweep may remove them.
import { VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import type { PriorAttempt } from '../record/idempotency.js'
import { partSetOfRecord } from '../record/part-set.js'
import type { PartStore } from '../store/part-store.js'
import type { StoreCall, WriteAnswer } from '../store/store.js'

/** The parts that a record may refer to. */
export interface PartsRequirement {
  parts: PartStore
  /** The clock of the part sweep, but it must never go back: a part set that was refused once stays refused. */
  now: () => Date
  /** The sweep may remove a set whose first part is older, at any time. */
  maxAgeMs: number
}

/** A store request with a record in parts. */
export interface PartsCheck {
  record: SealedRecord
  priorAttempt: PriorAttempt
}

async function problemOf({ parts, now, maxAgeMs }: PartsRequirement, record: SealedRecord, call: StoreCall) {
  const state = await parts.state(partSetOfRecord(record), call)
  if (state?.count !== record.partCount) return new VaultError('PARTS_MISSING')
  if (now().getTime() - state.begun.getTime() <= maxAgeMs) return undefined
  return new VaultError('PARTS_MISSING', { message: 'the parts of the record are too old; upload it again' })
}

/**
 * Throws PARTS_MISSING unless the set has exactly parts 0 to `part_count` - 1 and none is too old; OUTCOME_UNKNOWN in
 * its place when a prior attempt may have committed. Resolves with the answer to the write if the parts do not matter, because
 * the store knows its key id: such a record must not be written, even if its row is removed in the meantime.
 */
export async function checkParts(
  requirement: PartsRequirement,
  check: PartsCheck,
  call: StoreCall,
): Promise<WriteAnswer | undefined> {
  const { record, priorAttempt } = check
  if (record.partCount === 0) return undefined
  const problem = await problemOf(requirement, record, call)
  if (problem === undefined) return undefined
  const { answer, mayHaveCommitted } = await priorAttempt.outcome(call)
  if (answer) return answer
  throw mayHaveCommitted ? new VaultError('OUTCOME_UNKNOWN') : problem
}
