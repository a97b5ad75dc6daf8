// Append-only files that outlive their program. `append` resolves when the text is on disk; a later run removes an
// incomplete last line, and appends after the rest. Only the owner can read them.
import { createReadStream } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { foreignLine } from '../keys/key-entry.js'
import { type Line, readLines } from './lines.js'
import { fileExists, type NamedPath } from './path-checks.js'

/** A file that is open for appending. */
export interface AppendFile {
  /** Resolves when the text is on disk. */
  append(text: string): Promise<void>
  /** Removes a new file that got no text, so that the next run starts as this one did. */
  close(): Promise<void>
}

interface NewFile extends NamedPath {
  /** The error message when the file exists. */
  existsMessage: string
}

interface ExistingFile extends NamedPath {
  maxLineBytes: number
  /** The remedy that the error names when an earlier run did not write this file. */
  advice: string
  /** Takes each line; throws INVALID_REQUEST for a line that no earlier run wrote. */
  read(line: Line): void
  /** Runs after the last line and before any change to the file; throws to leave the file as it is. */
  check?(): void | Promise<void>
}

/** The first bytes of every line that import and export write. */
const linePrefix = '{"user":"'

/** Creates the file; throws INVALID_REQUEST if it exists. */
export async function createAppendFile({ path, existsMessage, flag }: NewFile): Promise<AppendFile> {
  if (await fileExists({ path, flag })) throw invalidField(flag, existsMessage)
  const file = await openForAppend(path, 'ax')
  await syncFolder(dirname(path))
  let isEmpty = true
  return {
    async append(text) {
      isEmpty = false
      await file.append(text)
    },
    async close() {
      await file.close()
      if (isEmpty) await unlink(path).catch(() => undefined) // the caller may have renamed it
    },
  }
}

/** Reads the lines of an earlier run, truncates a torn one, then appends. Throws INVALID_REQUEST for a foreign file. */
export async function reopenAppendFile(existing: ExistingFile): Promise<AppendFile> {
  const { path } = existing
  await fileExists(existing)
  const { end, lacksBreak } = await readExisting(existing)
  await existing.check?.()
  const handle = await open(path, 'r+', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.truncate(end)
  } finally {
    await handle.close()
  }
  const file = await openForAppend(path, 'a')
  if (lacksBreak) await file.append('\n')
  return file
}

/** The end of the last whole line, and whether that line lacks its line break. */
async function readExisting({ path, flag, maxLineBytes, advice, read }: ExistingFile) {
  let end = 0
  for await (const line of readLines(createReadStream(path), maxLineBytes)) {
    try {
      read(line)
    } catch (error) {
      if (isTorn(line)) return { end, lacksBreak: false }
      const { message } = foreignLine(path, line.number, error)
      throw invalidField(flag, `must be a file of an earlier run, unchanged; ${message}; ${advice}`)
    }
    if (!line.ended) return { end: line.end, lacksBreak: true }
    end = line.end
  }
  return { end, lacksBreak: false }
}

// Only a line that starts like the lines of import and export is truncated: a file that the user named by mistake is
// refused and stays unchanged.
function isTorn({ ended, text }: Line): boolean {
  const start = text?.subarray(0, linePrefix.length).toString('latin1') ?? 'too long'
  return !ended && linePrefix.startsWith(start)
}

async function openForAppend(path: string, flags: 'a' | 'ax'): Promise<AppendFile> {
  const handle = await open(path, flags, 0o600)
  return {
    async append(text) {
      await handle.appendFile(text)
      await handle.datasync()
    },
    close: () => handle.close(),
  }
}
