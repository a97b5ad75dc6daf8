// A folder that an export writes records into, each as the file of its name. Names are untrusted: no name may lead out of
// the folder, directly or through a link.
import { lstat, mkdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { makeFolders } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { isTrusted } from './path-checks.js'

/** The folder in which an export keeps its state: unfinished downloads, and the list of finished files. */
export const stateFolder = '.enc-server'

/** The path of a record's file; throws INVALID_REQUEST for a name that is no path below the folder. */
export function targetPath(folder: string, name: string): string {
  return join(folder, ...segmentsOf(name))
}

function segmentsOf(name: string): string[] {
  if (name === '') throw invalidField('name', 'is empty, and a file needs a name')
  const segments = name.split('/')
  for (const segment of segments) {
    const isRelative = segment === '' || segment === '.' || segment === '..'
    if (isRelative || segment.includes('\0') || segment.includes(sep)) {
      throw invalidField('name', 'is not a path within a folder')
    }
  }
  if (isStateFolder(segments[0] as string)) {
    throw invalidField('name', `begins with ${stateFolder}, where an export keeps its state`)
  }
  return segments
}

// Some file systems ignore case, width and invisible characters when they compare names.
function isStateFolder(segment: string): boolean {
  const folded = segment.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, '')
  return folded.toLowerCase() === stateFolder
}

/** Makes the state folder, if it does not exist, and returns its path. */
export async function makeStateFolder(folder: string): Promise<string> {
  const path = join(folder, stateFolder)
  makeFolders(path)
  const found = await lstat(path)
  if (found.isDirectory() && isTrusted(found)) return path
  throw invalidField('--out', `${path} must be a folder that only this user can write: an export keeps its state there`)
}

/** Makes the folder and the parents of the record's file; throws INVALID_REQUEST if a link or a file is in the way. */
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
