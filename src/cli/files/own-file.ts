// Whether what lies there is of this user alone: an earlier run's own state is made so, what others put in its place is not.
import type { Stats } from 'node:fs'

export function isOwn({ uid, mode }: Stats): boolean {
  return uid === process.getuid?.() && (mode & 0o022) === 0
}
