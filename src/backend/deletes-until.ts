// What a store that is repeated must not do: bring back a record that its first try had written and somebody has deleted
// since. A row that is gone says nothing of what it was, so it is noted before each delete until when there are deletes
// of the user's records (ADR 14). The time is ahead, so that many deletes of a user need one note, and by at least
// `leastAheadMs`, as a row is removed some time after its note.
import type { Store, StoreCall } from './store.js'

const aheadMs = 60_000
const leastAheadMs = 30_000

interface UserNow {
  userPseudonym: Buffer
  now: Date
}

/** Before a record of the user is deleted. */
export async function noteDelete(store: Store, { userPseudonym, now }: UserNow, call: StoreCall): Promise<void> {
  const noted = await store.deletesUntil(userPseudonym, call)
  if (isAfter(noted, now.getTime() + leastAheadMs)) return
  await store.noteDeletes({ userPseudonym, until: new Date(now.getTime() + aheadMs) }, call)
}

/** Whether a record of the user may have been deleted since then. */
export async function deletesSince(
  store: Pick<Store, 'deletesUntil'>,
  { userPseudonym, since }: { userPseudonym: Buffer; since: Date },
  call: StoreCall,
): Promise<boolean> {
  return isAfter(await store.deletesUntil(userPseudonym, call), since.getTime())
}

function isAfter(noted: Date | undefined, ms: number): boolean {
  return noted !== undefined && noted.getTime() >= ms
}
