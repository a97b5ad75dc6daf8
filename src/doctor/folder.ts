// What `enc-server doctor` says of the folder in which a store lies, or is to be made: may this user write there, and is
// there room?
import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Look, ok, warning } from './look.js'

/** What it asks of the system. */
export interface Disk {
  access(path: string, mode: number): Promise<void>
  statfs(path: string): Promise<{ bavail: number; bsize: number; blocks: number }>
}

// With less than that the store cannot even begin another file of its log.
const fullBytes = 4 * 1024 * 1024
const scarceBytes = 256 * 1024 * 1024

/** Throws what hinders a back end of this user. */
export async function lookAtFolder(folder: string, disk: Disk = { access, statfs }): Promise<Look> {
  const place = await nearest(folder, disk)
  await disk.access(place, constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) => {
    throw new Error(unwritable(place, error))
  })
  return room(place, await disk.statfs(place))
}

function unwritable(place: string, { code = '' }: NodeJS.ErrnoException): string {
  if (code === 'EROFS') return `the disk of ${place} is read-only: mount it to be written, or correct backend.dataDir`
  if (code !== 'EACCES' && code !== 'EPERM') return `there can be no folder ${place} (${code}): correct backend.dataDir`
  const who = 'run this as the user of the back end; if this is that, it needs a folder of its own there'
  return `this user may not write in ${place} (${code}): ${who}`
}

/** The folder itself, or where it is to be made. */
async function nearest(folder: string, disk: Disk): Promise<string> {
  const isThere = await disk.access(folder, constants.F_OK).then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT',
  )
  return isThere || dirname(folder) === folder ? folder : nearest(dirname(folder), disk)
}

function room(place: string, { bavail, bsize, blocks }: Awaited<ReturnType<Disk['statfs']>>): Look {
  const free = bavail * bsize
  if (blocks === 0 || free >= scarceBytes) return ok('') // some file systems do not tell
  const words = `${(free / 1e6).toFixed(1)} MB are free on the disk of ${place}`
  if (free < fullBytes) throw new Error(`${words}, which is full: make room, or writes fail with STORE_FULL`)
  return warning(`${words}: make room before it is full`)
}
