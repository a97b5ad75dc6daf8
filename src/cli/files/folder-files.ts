// The regular files below a folder, in a stable order. Symbolic links are not followed, so that every file that is read
// lies in the folder.
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { invalidField } from '../../core/errors.js'
import { isTemporary } from './atomic-file.js'
import { stateFolder } from './folder-target.js'

/** A file of the folder, or a folder below it that cannot be read. */
export interface FolderFile {
  path: string
  /** Relative to the folder, with / between its segments. */
  name: string
  /** Why the entry cannot be read. */
  unreadable?: Error
}

/** A walk through a folder. */
export interface FolderWalk {
  files(): AsyncGenerator<FolderFile>
  /** The number of links, sockets, pipes, devices, and temporary files of killed programs. */
  readonly skipped: number
}

/** Walks through the folder, depth first, in the order of names. */
export function walkFolder(folder: string): FolderWalk {
  let skipped = 0

  async function* below(path: string, prefix: string): AsyncGenerator<FolderFile> {
    const entries = await readdir(path, { withFileTypes: true }).catch((error: Error) => error)
    if (entries instanceof Error) return yield { path, name: prefix, unreadable: entries }
    for (const entry of entries.sort(byName)) {
      if (prefix === '' && entry.name === stateFolder) continue // the state of an export
      const found = { path: join(path, entry.name), name: `${prefix}${entry.name}` }
      if (entry.isDirectory()) yield* below(found.path, `${found.name}/`)
      else if (isImportable(entry)) yield found
      else skipped += 1
    }
  }

  return {
    files: () => below(folder, ''),
    get skipped() {
      return skipped
    },
  }
}

function isImportable(entry: Dirent): boolean {
  return entry.isFile() && !isTemporary(entry.name)
}

function byName(one: Dirent, other: Dirent): number {
  return one.name < other.name ? -1 : 1
}

/** Opens the file without following a link; throws INVALID_REQUEST for a name that no record can have. */
export async function openFolderFile({ path, name, unreadable }: FolderFile): Promise<FileHandle> {
  if (unreadable) throw unreadable
  if (name.includes('\ufffd')) throw invalidField('name', 'is not UTF-8, or contains U+FFFD')
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
}
