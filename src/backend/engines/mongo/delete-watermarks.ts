// Until when there are deletes of a user's records. It stands apart from the users, whose documents hold their keys and
// are never changed.

import { type DeletesNote, endOfTime } from '../../store/store.js'
import { type Caller, type Collections, insert } from './collections.js'
import { idText } from './documents.js'

export async function recordDeletes(
  { deletes }: Collections,
  { userPseudonym, until, latest }: DeletesNote,
  caller: Caller,
): Promise<void> {
  const _id = idText(userPseudonym)
  const damaged = { until: { $not: { $type: 'date' } } } as const
  const filter = { _id, $or: [{ until: { $lt: until } }, { until: { $gt: latest } }, damaged] }
  const replace = () => deletes.updateOne(filter, { $set: { until } }, caller.commandOf(caller.call))
  const { matchedCount } = await replace()
  if (matchedCount > 0 || (await insert(deletes, { _id, until }, caller))) return
  await replace() // who was first may have noted an earlier time
}

export async function deletesUntil(
  { deletes }: Collections,
  userPseudonym: Buffer,
  { call, commandOf }: Caller,
): Promise<Date | undefined> {
  const row = await deletes.findOne({ _id: idText(userPseudonym) }, commandOf(call))
  return row ? timeOf(row) : undefined
}

/** The database may hold anything, and times that are none to us. */
function timeOf({ until }: { until: unknown }): Date {
  return until instanceof Date && !Number.isNaN(until.getTime()) ? until : endOfTime
}
