// The check of a store's folder, or of the place where it will be created: write permission and free space.
import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type CheckResult, ok, warning } from './finding.js'

/** The file system calls of the check. */
export interface Disk {
  access(path: string, mode: number): Promise<void>
  statfs(path: string): Promise<{ bavail: number; bsize: number; blocks: number }>
}

// With less space, LevelDB cannot begin another file of its log.
const minFreeBytes = 4 * 1024 * 1024
const lowFreeBytes = 256 * 1024 * 1024

/** Checks the folder; throws if a back end of this user could not write there. */
export async function checkFolder(folder: string, disk: Disk = { access, statfs }): Promise<CheckResult> {
  const place = await nearestExisting(folder, disk)
  await disk.access(place, constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) => {
    throw new Error(unwritable(place, error))
  })
  return checkSpace(place, await disk.statfs(place))
}

function unwritable(place: string, { code = '' }: NodeJS.ErrnoException): string {
  if (code === 'EROFS') return `the disk of ${place} is read-only: mount it writable, or correct backend.dataDir`
  if (code !== 'EACCES' && code !== 'EPERM')
    return `the folder ${place} cannot be created (${code}): correct backend.dataDir`
  const who = 'run this as the user of the back end; if this is that user, give it a folder of its own there'
  return `this user cannot write to ${place} (${code}): ${who}`
}

/** The folder itself, or the closest parent that exists. */
async function nearestExisting(folder: string, disk: Disk): Promise<string> {
  const isThere = await disk.access(folder, constants.F_OK).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
  )
  return isThere || dirname(folder) === folder ? folder : nearestExisting(dirname(folder), disk)
}

function checkSpace(place: string, { bavail, bsize, blocks }: Awaited<ReturnType<Disk['statfs']>>): CheckResult {
  const free = bavail * bsize
  if (blocks === 0 || free >= lowFreeBytes) return ok('') // some file systems report no size
  const space = `${(free / 1e6).toFixed(1)} MB are free on the disk of ${place}`
  if (free < minFreeBytes) throw new Error(`${space}, which is full: make room, or writes fail with STORE_FULL`)
  return warning(`${space}: make room before it is full`)
}
