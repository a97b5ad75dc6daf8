// Files that appear whole or not at all, and for their owner only.
import { link, lstat, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'

const temporaryName = /^\.enc-server-[0-9a-f-]{36}\.tmp$/

/** Whether a program that was killed has left a file of that name. */
export function isTemporary(name: string): boolean {
  return temporaryName.test(name)
}

/** A file about to appear. */
export interface AtomicFile {
  /** Adds to what will be in it. */
  append(text: string): Promise<void>
  /** Makes it appear, these bytes at its end, on disk for good. */
  commit(bytes: Buffer): Promise<void>
  /** Removes what `commit` did not make; harmless after it. */
  discard(): Promise<void>
}

export interface Destination {
  path: string
  /** The flag that named it, for messages. */
  flag: string
  /** Whether a file of that name may go. */
  replace: boolean
}

async function refuseUnlessFree({ path, flag, replace }: Destination): Promise<void> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
  if (!there && path.endsWith('/')) throw invalidField(flag, `${path} names a folder, where a file is wanted`)
  if (!there) return
  // Renaming over /dev/null would put a file in its place.
  if (!there.isFile() && !there.isSymbolicLink()) throw invalidField(flag, `${path} is not a regular file`)
  if (!replace) throw invalidField(flag, `${path} exists; --force replaces it`)
}

/** Opens a temporary file beside the destination, which shows before any work that the folder can be written. */
export async function openAtomicFile(destination: Destination): Promise<AtomicFile> {
  await refuseUnlessFree(destination)
  const folder = dirname(destination.path)
  // Not made from the name it stands for, which may be as long as a name can be.
  const temporary = join(folder, `.enc-server-${globalThis.crypto.randomUUID()}.tmp`)
  const file = await open(temporary, 'wx', 0o600).catch((error: Error) => {
    throw aboutNamed(error, temporary, destination)
  })
  return {
    append: (text) => file.appendFile(text),
    async commit(bytes) {
      await file.writeFile(bytes)
      await file.sync()
      await putInPlace(temporary, destination)
      await syncFolder(folder)
    },
    async discard() {
      await file.close()
      await unlink(temporary).catch(() => undefined) // in place already
    },
  }
}

/** What the system says of the temporary file, said of the one that was named. */
function aboutNamed(error: Error, temporary: string, { path }: Destination): Error {
  return Object.assign(error, { path, message: error.message.replace(temporary, () => path) })
}

/** Gives a file its name, in place of another only when told so. */
export async function putInPlace(temporary: string, { path, flag, replace }: Destination): Promise<void> {
  if (replace) return rename(temporary, path)
  // Unlike rename, it fails when the name was taken meanwhile.
  await link(temporary, path).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'EEXIST' ? invalidField(flag, `${path} has appeared meanwhile, and is left as it is`) : cause
  })
}

/**
 * A program that was killed between `link` and `unlink` has left the file two names: the temporary one goes, as whoever
 * went on with it would write into a file that is whole, wherever that is by now.
 */
export async function removeSecondName(temporary: string): Promise<void> {
  const there = await lstat(temporary).catch(() => undefined)
  if (there?.isFile() && there.nlink > 1) await unlink(temporary)
}
