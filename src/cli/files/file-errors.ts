// File system errors in words: which path cannot be used, and what to do about it.
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { VaultError } from '../../core/errors.js'

const messages: Record<string, (path: string) => string> = {
  ENOENT: missing,
  ENOTDIR: (path) => `${path} has a file where a folder should be: correct the path`,
  EISDIR: (path) => `${path} is a folder, not a file`,
  EACCES: forbidden,
  EPERM: forbidden,
  ENAMETOOLONG: (path) => `the name ${path} is too long: choose a shorter one`,
  EROFS: (path) => `${path} is on a read-only file system: choose another place`,
}

function forbidden(path: string): string {
  if (existsSync(path)) return `you may not read or write ${path}: check its owner and mode`
  return `you may not use the folder ${dirname(path)}: check its owner and mode`
}

function missing(path: string): string {
  const folder = dirname(path)
  return existsSync(folder) ? `there is no ${path}: correct the path` : `there is no folder ${folder}: make it first`
}

/** `dest` is the new name of a link or a rename, which is the path that the user gave. */
type SystemError = NodeJS.ErrnoException & { dest?: string }

/** The error as INVALID_REQUEST if a path cannot be used; any other error unchanged. */
export function fileError(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || thrown instanceof VaultError || !('syscall' in thrown)) return thrown
  const { code = '', path = 'a file', dest = path, syscall } = thrown as SystemError
  const message = syscall === 'connect' ? undefined : messages[code]?.(withoutSuffix(dest))
  return message === undefined ? thrown : new VaultError('INVALID_REQUEST', { message, cause: thrown })
}

/** The path that the user gave, without the suffix of an unfinished file. */
function withoutSuffix(path: string): string {
  return path.replace(/(\.partial|\.[0-9a-f]{8}\.pending)$/, '')
}
