// Until when there are deletes of a user's records. It stands apart from the users, whose documents hold their keys and
// are never changed.
import { type Caller, type Collections, inserted } from './mongo-collections.js'
import { idText } from './mongo-documents.js'

export async function noteDeletes(
  { deletes }: Collections,
  { userPseudonym, until }: { userPseudonym: Buffer; until: Date },
  caller: Caller,
): Promise<void> {
  const _id = idText(userPseudonym)
  const raise = () => deletes.updateOne({ _id }, { $max: { until } }, caller.commandOf(caller.call))
  const { matchedCount } = await raise()
  if (matchedCount > 0 || (await inserted(deletes, { _id, until }, caller))) return
  await raise() // who was first may have noted an earlier time
}

export async function deletesUntil(
  { deletes }: Collections,
  userPseudonym: Buffer,
  { call, commandOf }: Caller,
): Promise<Date | undefined> {
  return (await deletes.findOne({ _id: idText(userPseudonym) }, commandOf(call)))?.until
}
