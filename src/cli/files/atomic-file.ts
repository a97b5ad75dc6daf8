// Atomic writes: a file appears whole or not at all, and only its owner can read it.
import { link, lstat, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import type { NamedPath } from './path-checks.js'

const temporaryName = /^\.enc-server-[0-9a-f-]{36}\.tmp$/

/** True for the name of a temporary file, which a killed program may have left. */
export function isTemporary(name: string): boolean {
  return temporaryName.test(name)
}

/** A temporary file that becomes the destination. */
export interface AtomicFile {
  append(text: string): Promise<void>
  /** Appends the bytes and moves the file to its destination; resolves when that is on disk. */
  commit(bytes: Buffer): Promise<void>
  /** Closes the file, and removes it unless it was committed. */
  discard(): Promise<void>
}

/** The path that a finished file gets. */
export interface Destination extends NamedPath {
  /** Whether the file may replace another one. */
  replace: boolean
}

/** Throws INVALID_REQUEST if no file can be placed there: a folder, a device, or a file that may not be replaced. */
export async function checkDestination({ path, flag, replace }: Destination): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (!found && path.endsWith('/')) throw invalidField(flag, `${path} names a folder, not a file`)
  if (!found) return
  // Renaming over /dev/null would put a file in its place.
  if (!found.isFile() && !found.isSymbolicLink()) throw invalidField(flag, `${path} is not a regular file`)
  if (!replace) throw invalidField(flag, `${path} exists; --force replaces it`)
}

/** Opens a temporary file beside the destination, so that a folder that cannot be written fails before any work. */
export async function openAtomicFile(destination: Destination): Promise<AtomicFile> {
  await checkDestination(destination)
  // The temporary name does not contain the destination's name, which may already have the maximum length.
  const temporary = join(dirname(destination.path), `.enc-server-${globalThis.crypto.randomUUID()}.tmp`)
  const file = await open(temporary, 'wx', 0o600).catch((error: Error) => {
    throw withPath(error, temporary, destination)
  })
  return {
    append: (text) => file.appendFile(text),
    async commit(bytes) {
      await file.writeFile(bytes)
      await file.sync()
      await publishFile(temporary, destination)
    },
    async discard() {
      await file.close()
      await unlink(temporary).catch(() => undefined) // a commit has moved it
    },
  }
}

/** The system's error, with the destination in place of the temporary file, whose name the user has never seen. */
function withPath(error: Error, temporary: string, { path }: Destination): Error {
  return Object.assign(error, { path, message: error.message.replace(temporary, () => path) })
}

/** Places a synced file at its destination, as `placeFile` does, and makes that durable. */
export async function publishFile(temporary: string, destination: Destination): Promise<void> {
  await placeFile(temporary, destination)
  await syncFolder(dirname(destination.path))
}

/**
 * Gives a synced file the name of its destination; a power failure may undo that until the folder is synced. Rejects only if
 * the file did not get the name: with INVALID_REQUEST if a file that may not be replaced was created there meanwhile.
 */
export async function placeFile(temporary: string, { path, flag, replace }: Destination): Promise<void> {
  if (replace) return rename(temporary, path)
  // A rename would replace the other file; a link fails.
  await link(temporary, path).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'EEXIST' ? invalidField(flag, `${path} was created meanwhile; it was not replaced`) : cause
  })
  await unlink(temporary).catch(() => undefined) // the next run removes the second name
}

/**
 * Removes the temporary name of a file that has both names, because a program was killed between the link and the
 * unlink of `placeFile`, or the unlink failed. A run that resumed the temporary file would write into the finished one.
 */
export async function removeSecondName(temporary: string): Promise<void> {
  const found = await lstat(temporary).catch(() => undefined)
  if (found?.isFile() && found.nlink > 1) await unlink(temporary)
}
