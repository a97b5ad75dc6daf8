// The idempotency check of a retried store: whether its prior attempt committed (ADR 14). A retry must not write again
// a record that the prior attempt wrote and a delete has removed since.
import type { SealedRecord, StoreEnvelopeRequest } from '../../gen/encserver/v1/backend.js'
import type { StoreCall, StoreContext, WriteAnswer } from '../store/store.js'
import { deletesSince } from './delete-watermark.js'
import { userPseudonymOf } from './record-id.js'
import { mayHaveForgotten, priorAnswer } from './write-rules.js'

/** What the store shows of a prior attempt. */
export interface PriorOutcome {
  /** The answer to this write, if the row shows that its key id is known. */
  answer: WriteAnswer | undefined
  /** True if it may have committed although the row does not show it. */
  mayHaveCommitted: boolean
}

/** The prior attempt of one store request. */
export interface PriorAttempt {
  /** False if the request is a first attempt, as its caller says. A write then needs no look at the outcome. */
  isRetry: boolean
  /** Reads the outcome from the store; it may change until the row is written. */
  outcome(call: StoreCall): Promise<PriorOutcome>
}

/** The outcome of no prior attempt. */
export const noPriorAttempt: PriorOutcome = { answer: undefined, mayHaveCommitted: false }

/** `tried_ms_ago` counts back from the arrival of a call, which may have travelled for its whole deadline. */
const defaultDeadlineMs = 30_000
/** The largest tolerated difference between the clocks of back ends on one database. */
const maxClockSkewMs = 30_000
const leewayMs = defaultDeadlineMs + maxClockSkewMs

/** The prior attempt of this request; must be called as soon as the request arrives. */
export function priorAttempt(
  { store, clock }: StoreContext,
  { triedMsAgo }: Pick<StoreEnvelopeRequest, 'triedMsAgo'>,
  record: SealedRecord,
): PriorAttempt {
  // Deletes raise the watermark by a clock that is never behind. To find them, this clock must not be ahead.
  const since = triedMsAgo === 0 ? undefined : new Date(clock.forRemoving().getTime() - triedMsAgo - leewayMs)
  return {
    isRetry: since !== undefined,
    async outcome(call) {
      // Reads the row before the watermark. A delete raises the watermark before it removes the row, so one of the two
      // still shows a write that committed and was deleted.
      const row = await store.getRecordHeader(record.recordId, call)
      const answer = priorAnswer(row, record)
      if (answer || since === undefined) return { answer, mayHaveCommitted: false }
      if (row && mayHaveForgotten(row, since)) return { answer, mayHaveCommitted: true }
      const query = { userPseudonym: userPseudonymOf(record.recordId), since, now: clock.forRefusing() }
      return { answer, mayHaveCommitted: await deletesSince(store, query, call) }
    },
  }
}
