// A file that only its owner may read: keyrings, passwords, access keys.
import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** A file to read. */
export interface OwnerOnlyFile {
  path: string
  /** The expected contents, for messages, such as `a keyring`. */
  holds: string
  /** A larger file is refused before it is read. */
  maxBytes: number
  /** Makes the error for a file that cannot be used, such as `is not a file`. The problem never quotes contents. */
  refuse(problem: string): Error
}

/**
 * Reads the file; resolves with null if it does not exist. Rejects with `refuse(...)` for a file that is readable by others,
 * too large or not a regular file, and with the file system's error if it cannot be read. A named pipe does not block it.
 */
export async function readOwnerOnly({ path, holds, maxBytes, refuse }: OwnerOnlyFile): Promise<Buffer | null> {
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const problem = problemOf(await file.stat(), { holds, maxBytes })
    if (problem !== undefined) throw refuse(problem)
    return await file.readFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  } finally {
    await file?.close()
  }
}

function problemOf(found: Stats, { holds, maxBytes }: Pick<OwnerOnlyFile, 'holds' | 'maxBytes'>): string | undefined {
  if (!found.isFile()) return 'is not a file'
  const mode = found.mode & 0o777
  if ((mode & 0o077) !== 0) return `has mode ${mode.toString(8)}, so others may read it: chmod 600 it`
  if (found.size > maxBytes) return `is larger than ${maxBytes} bytes: is it ${holds}?`
  return undefined
}

// Marks of a URI, PEM and JSON.
const secretMarks = /:\/\/|-----|[\n{]/

/** A path as a message may show it. A setting for a path may hold the secret itself by mistake, which is then not shown. */
export function redactPath(path: string): string {
  return secretMarks.test(path) ? 'a file whose path looks like a secret' : path
}
