// What the system says of a file that was named, in words that say what to do.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { VaultError } from '../../core/errors.js'

type Words = (path: string) => string

const words: Record<string, Words> = {
  ENOENT: notThere,
  ENOTDIR: (path) => `${path} leads through a file as if it were a folder: correct the path`,
  EISDIR: (path) => `${path} is a folder, where a file is wanted`,
  EACCES: notYours,
  EPERM: notYours,
  ENAMETOOLONG: (path) => `${path} is too long a name: choose a shorter one`,
  EROFS: (path) => `${path} is on a file system that cannot be written: name another place`,
}

function notYours(path: string): string {
  if (existsSync(path)) return `${path} is not yours to read or write: see who owns it and its mode`
  return `the folder ${dirname(path)} is not yours to use: see who owns it and its mode`
}

function notThere(path: string): string {
  const folder = dirname(path)
  return existsSync(folder) ? `there is no ${path}: correct the path` : `there is no folder ${folder}: make it first`
}

/** Of a link or a rename too, where what was named is the new name. */
type SystemError = NodeJS.ErrnoException & { dest?: string }

/** As INVALID_REQUEST, if it is about a path that cannot be used as it is; anything else as it was. */
export function fileError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof VaultError || !('syscall' in thrown)) return thrown
  const { code = '', path = 'what was named', dest = path, syscall } = thrown as SystemError
  const message = syscall === 'connect' ? undefined : words[code]?.(asNamed(dest))
  return message === undefined ? thrown : new VaultError('INVALID_REQUEST', { message, cause: thrown })
}

/** Without what is put to a name while the file is not whole. */
function asNamed(path: string): string {
  return path.replace(/\.partial$/, '')
}
