// Checks of a path before a command uses it: its kind, its owner, and whether two flags name one file.
import type { Stats } from 'node:fs'
import { lstat, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { invalidField } from '../../core/errors.js'

/** A path and the flag that named it, for messages. */
export interface NamedPath {
  path: string
  flag: string
}

/** True if the file is owned by this user and not writable by others. */
export function isTrusted({ uid, mode }: Stats): boolean {
  return uid === process.getuid?.() && (mode & 0o022) === 0
}

/** True if the file exists; throws INVALID_REQUEST if the path is no regular file. A symbolic link is none. */
export async function fileExists({ path, flag }: NamedPath): Promise<boolean> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found !== undefined && !found.isFile()) throw invalidField(flag, `${path} is not a regular file`)
  return found !== undefined
}

/** Throws INVALID_REQUEST if the output file is also one of the other files of the command. */
export async function refuseSameFile(output: { flag: string; path?: string }, others: (string | undefined)[]) {
  const own = output.path === undefined ? undefined : await fileIdentity(output.path)
  for (const other of others) {
    if (own === undefined || other === undefined || (await fileIdentity(other)) !== own) continue
    throw invalidField(output.flag, `${output.path} is in use for something else`)
  }
}

/** Device and inode; the absolute path of a file that does not exist yet. */
async function fileIdentity(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined)
  return found ? `${found.dev}:${found.ino}` : resolve(path)
}
