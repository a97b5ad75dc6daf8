// What the system says of a file that was named, in words that say what to do.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { VaultError } from '../core/errors.js'

type Words = (path: string) => string

const words: Record<string, Words> = {
  ENOENT: notThere,
  ENOTDIR: (path) => `${path} leads through a file as if it were a folder: correct the path`,
  EISDIR: (path) => `${path} is a folder, where a file is wanted`,
  EACCES: (path) => `${path} is not yours to read or write: see who owns it and its mode`,
  EPERM: (path) => `${path} is not yours to read or write: see who owns it and its mode`,
  EROFS: (path) => `${path} is on a file system that cannot be written: name another place`,
}

function notThere(path: string): string {
  const folder = dirname(path)
  return existsSync(folder) ? `there is no ${path}: correct the path` : `there is no folder ${folder}: make it first`
}

/** As INVALID_REQUEST, if it is about a path that cannot be used as it is; anything else as it was. */
export function fileError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof VaultError || !('syscall' in thrown)) return thrown
  const { code = '', path = 'what was named', syscall } = thrown as NodeJS.ErrnoException
  const message = syscall === 'connect' ? undefined : words[code]?.(asNamed(path))
  return message === undefined ? thrown : new VaultError('INVALID_REQUEST', { message, cause: thrown })
}

/** Without what is put to a name while the file is not whole. */
function asNamed(path: string): string {
  return path.replace(/\.[0-9a-f-]{36}\.tmp$|\.partial$/, '')
}
