// The regular files below a folder, in an order that does not change. Symbolic links are not followed, so that what is
// read is what lies in the folder.
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { invalidField } from '../../core/errors.js'
import { isTemporary } from './atomic-file.js'
import { ownFolder } from './folder-target.js'

export interface FolderFile {
  /** Where it is. */
  path: string
  /** Relative to the folder, with / between. */
  name: string
  /** Why what is there cannot be read: it may be a folder of many. */
  unreadable?: Error
}

export interface FolderWalk {
  files(): AsyncGenerator<FolderFile>
  /** How many links, sockets, pipes and devices were passed over, and what killed programs have left of their output. */
  readonly passedOver: number
}

export function walkFolder(folder: string): FolderWalk {
  let passedOver = 0

  async function* below(path: string, prefix: string): AsyncGenerator<FolderFile> {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => error)
    if (entries instanceof Error) return yield { path, name: prefix, unreadable: entries }
    for (const entry of entries.sort(byName)) {
      if (prefix === '' && entry.name === ownFolder) continue // what an export has left there
      const found = { path: join(path, entry.name), name: `${prefix}${entry.name}` }
      if (entry.isDirectory()) yield* below(found.path, `${found.name}/`)
      else if (isMeant(entry)) yield found
      else passedOver += 1
    }
  }

  return {
    files: () => below(folder, ''),
    get passedOver() {
      return passedOver
    },
  }
}

function isMeant(entry: Dirent): boolean {
  return entry.isFile() && !isTemporary(entry.name)
}

function byName(one: Dirent, other: Dirent): number {
  return one.name < other.name ? -1 : 1
}

/** Opens what was found, if it is a regular file still; throws INVALID_REQUEST for a name that no record can have. */
export async function openFound({ path, name, unreadable }: FolderFile): Promise<FileHandle> {
  if (unreadable) throw unreadable
  if (name.includes('\ufffd')) throw invalidField('name', 'is not UTF-8, or contains U+FFFD')
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
}
