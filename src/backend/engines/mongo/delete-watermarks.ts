// Delete watermarks in MongoDB: the time until which records of a user may have been deleted. They have a collection of
// their own, because user documents hold keys and never change.

import { type DeleteWatermark, endOfTime } from '../../store/store.js'
import { type Collections, insert, type MongoContext } from './collections.js'
import { encodeId } from './documents.js'

/** As Store.raiseDeleteWatermark: raises the watermark, and replaces one that is damaged or too late to be believed. */
export async function raiseDeleteWatermark(
  { deletes }: Collections,
  { userPseudonym, until, maxUntil }: DeleteWatermark,
  context: MongoContext,
): Promise<void> {
  const _id = encodeId(userPseudonym)
  const damaged = { until: { $not: { $type: 'date' } } } as const
  const filter = { _id, $or: [{ until: { $lt: until } }, { until: { $gt: maxUntil } }, damaged] }
  const replace = () => deletes.updateOne(filter, { $set: { until } }, context.commandOf(context.call))
  const { matchedCount } = await replace()
  if (matchedCount > 0 || (await insert(deletes, { _id, until }, context))) return
  await replace() // the row of the concurrent writer may have an earlier time
}

/** As Store.getDeleteWatermark. */
export async function getDeleteWatermark(
  { deletes }: Collections,
  userPseudonym: Buffer,
  { call, commandOf }: MongoContext,
): Promise<Date | undefined> {
  const row = await deletes.findOne({ _id: encodeId(userPseudonym) }, commandOf(call))
  return row ? timeOf(row) : undefined
}

/** Tolerates damaged rows: any type, and dates that are invalid. */
function timeOf({ until }: { until: unknown }): Date {
  return until instanceof Date && !Number.isNaN(until.getTime()) ? until : endOfTime
}
