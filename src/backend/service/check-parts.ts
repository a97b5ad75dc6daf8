// A record in parts appears only when all of them are there, and will stay: a record that cannot be read is never stored.
import type { Clock } from '../../core/clock.js'
import { VaultError } from '../../core/errors.js'
import type { SealedRecord } from '../../gen/encserver/v1/backend.js'
import { keyIdOf } from '../record/envelope-header.js'
import { priorAttempt, type Tried } from '../record/prior-attempt.js'
import type { PartStore } from '../store/part-store.js'
import type { Store, StoreCall } from '../store/store.js'

export interface PartsRequirement {
  store: Store
  clock: Clock
  parts: PartStore
  /** The clock to remove by, as the sweep of parts goes by it; but it must not go back: what it let go stays refused. */
  now: () => Date
  /** Parts begun longer ago than this may be swept any time. */
  maxAgeMs: number
}

async function refusalOf({ parts, now, maxAgeMs }: PartsRequirement, record: SealedRecord, call: StoreCall) {
  const state = await parts.state({ recordId: record.recordId, keyId: keyIdOf(record) }, call)
  if (state?.count !== record.partCount) return new VaultError('PARTS_MISSING')
  if (now().getTime() - state.begun.getTime() <= maxAgeMs) return undefined
  return new VaultError('PARTS_MISSING', { message: 'the parts of the record are too old; upload it again' })
}

/**
 * Throws PARTS_MISSING unless parts 0 to `part_count` - 1 are there, no more and none of them too old; OUTCOME_UNKNOWN when
 * they may have been, for an earlier try.
 */
export async function checkParts(requirement: PartsRequirement, tried: Tried, call: StoreCall): Promise<void> {
  if (tried.record.partCount === 0) return
  const refusal = await refusalOf(requirement, tried.record, call)
  if (refusal === undefined) return
  // A write that was done before is a success all the same: its parts may be gone by now.
  const { done, perhapsDone } = await priorAttempt(requirement, tried, call)
  if (!done) throw perhapsDone ? new VaultError('OUTCOME_UNKNOWN') : refusal
}
