// Files that grow line by line and outlive their program: what `append` has acknowledged is on disk for good, and a line
// that a kill has torn is taken away when the next run goes on. For their owner only.
import { createReadStream } from 'node:fs'
import { type FileHandle, lstat, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { foreignLine } from '../keys/key-entry.js'
import { type Line, readLines } from './lines.js'

export interface AppendFile {
  /** Resolves when all of it is on disk. */
  append(text: string): Promise<void>
  /** Removes a new file in which nothing was written: the next run begins as this one did. */
  close(): Promise<void>
}

interface NewFile {
  path: string
  /** Why it is refused when there is one already. */
  taken: string
  flag: string
}

interface ExistingFile {
  path: string
  flag: string
  maxLineBytes: number
  /** What to do when it is not what an earlier run left. */
  otherwise: string
  /** Takes a line of what is there; throws INVALID_REQUEST when it is not one of its own. */
  read(line: Line): void
  /** When all is read, before anything is changed; throws where this is not gone on with. */
  check?(): void | Promise<void>
}

/** How every line begins that import and export write. */
const opening = '{"user":"'

/** Whether something of that name is there; refuses what is not a regular file. */
export async function isThere({ path, flag }: Pick<NewFile, 'path' | 'flag'>): Promise<boolean> {
  const there = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (there !== undefined && !there.isFile()) throw invalidField(flag, `${path} is not a regular file`)
  return there !== undefined
}

export async function createAppendFile({ path, taken, flag }: NewFile): Promise<AppendFile> {
  if (await isThere({ path, flag })) throw invalidField(flag, taken)
  const handle = await open(path, 'ax', 0o600)
  await syncFolder(dirname(path))
  const file = growing(handle)
  let empty = true
  return {
    async append(text) {
      empty = false
      await file.append(text)
    },
    async close() {
      await file.close()
      if (empty) await unlink(path).catch(() => undefined) // it may have another name by now
    },
  }
}

/** Reads what is there, then appends to it. */
export async function reopenAppendFile(existing: ExistingFile): Promise<AppendFile> {
  const { path } = existing
  await isThere(existing)
  const tail = await readWhole(existing)
  await existing.check?.()
  const handle = await open(path, 'r+', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.truncate(tail.end)
  } finally {
    await handle.close()
  }
  const file = growing(await open(path, 'a', 0o600))
  if (tail.open) await file.append('\n')
  return file
}

/** Where the last whole line ends, and whether it lacks its line break. */
async function readWhole({ path, flag, maxLineBytes, otherwise, read }: ExistingFile) {
  let end = 0
  for await (const line of readLines(createReadStream(path), maxLineBytes)) {
    try {
      read(line)
    } catch (error) {
      if (isTorn(line)) return { end, open: false }
      const { message } = foreignLine(path, line.number, error)
      throw invalidField(flag, `must be as an earlier run left it; ${message}; ${otherwise}`)
    }
    if (!line.ended) return { end: line.end, open: true }
    end = line.end
  }
  return { end, open: false }
}

// What is taken away must be our own: a file named by mistake is refused and not cut.
function isTorn({ ended, text }: Line): boolean {
  const begun = text?.subarray(0, opening.length).toString('latin1') ?? 'too long'
  return !ended && opening.startsWith(begun)
}

function growing(handle: FileHandle): AppendFile {
  return {
    async append(text) {
      await handle.appendFile(text)
      await handle.datasync()
    },
    close: () => handle.close(),
  }
}
