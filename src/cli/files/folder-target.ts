// A folder that records are written into, each as the file of its name. A name is anybody's text: none of them leaves the
// folder, nor follows a link out of it.
import { lstat, mkdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { makeFolders } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { isOwn } from './own-file.js'

/** What an export keeps for itself in a folder: unfinished downloads, and the list of what is done. No record's file. */
export const ownFolder = '.enc-server'

/** Where the file of that name lies; throws INVALID_REQUEST for a name that is no path below the folder. */
export function placeOf(folder: string, name: string): string {
  return join(folder, ...segmentsOf(name))
}

function segmentsOf(name: string): string[] {
  if (name === '') throw invalidField('name', 'is empty, and a file needs one')
  const segments = name.split('/')
  for (const segment of segments) {
    const leaves = segment === '' || segment === '.' || segment === '..'
    if (leaves || segment.includes('\0') || segment.includes(sep)) {
      throw invalidField('name', 'is not a path within a folder')
    }
  }
  if (isOwnName(segments[0] as string))
    throw invalidField('name', `begins with ${ownFolder}, which an export keeps for itself`)
  return segments
}

// Some file systems take names for the same that differ in case, in width or in symbols that do not show.
function isOwnName(segment: string): boolean {
  return (
    segment
      .normalize('NFKC')
      .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
      .toLowerCase() === ownFolder
  )
}

/** Makes it, if it is not there, and returns where it is. */
export async function makeOwnParents(folder: string): Promise<string> {
  const path = join(folder, ownFolder)
  makeFolders(path)
  const there = await lstat(path)
  if (there.isDirectory() && isOwn(there)) return path
  throw invalidField('--out', `${path} is a link, or not this user's alone: an export keeps its own state there`)
}

/** Makes the folders that lead to that file, the first one too; throws INVALID_REQUEST where a link or a file is in the way. */
export async function makeParents(folder: string, name: string): Promise<void> {
  makeFolders(folder)
  let path = folder
  for (const segment of segmentsOf(name).slice(0, -1)) {
    path = join(path, segment)
    await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    if (!(await lstat(path)).isDirectory()) throw invalidField('name', 'leads through something that is not a folder')
  }
}
