// A file that takes long to write: it grows as FILE.partial, survives its program, and gets its name when it is whole.

import { unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../../core/durable-file.js'
import { invalidField } from '../../core/errors.js'
import { createAppendFile, isThere, reopenAppendFile } from './append-file.js'
import { putInPlace, removeSecondName } from './atomic-file.js'
import type { Line } from './lines.js'

/** What is said of one that is there, where --resume was not. */
export function leftText(partial: string): string {
  return `${partial} is there from an earlier run; --resume goes on with it, or remove it to begin again`
}

export interface ResumableFile {
  /** Where it grows. */
  path: string
  /** Resolves when all of it is on disk. */
  append(text: string): Promise<void>
  /** Gives it its name. */
  publish(): Promise<void>
  close(): Promise<void>
}

export interface ResumableOpening {
  path: string
  flag: string
  /** Whether a file of that name may go. */
  replace: boolean
  /** Goes on with what an earlier run has left; without it, that is refused. */
  resume: boolean
  maxLineBytes: number
  /** Takes a line of what is left. */
  read(line: Line): void
  /** When all of that is read, before it is changed; throws where it is not gone on with. */
  check(): Promise<void>
}

export async function openResumableFile(opening: ResumableOpening): Promise<ResumableFile> {
  const { path, flag, replace, resume } = opening
  if ((await isThere({ path, flag })) && !replace) throw invalidField(flag, `${path} exists; --force replaces it`)
  const partial = `${path}.partial`
  await removeSecondName(partial)
  const taken = leftText(partial)
  const going = resume && (await isThere({ path: partial, flag }))
  const file = going
    ? await reopenAppendFile({ ...opening, path: partial, otherwise: 'remove it to begin again' })
    : await createAppendFile({ path: partial, flag, taken })
  return {
    path: partial,
    append: file.append,
    close: file.close,
    async publish() {
      await putInPlace(partial, { path, flag, replace })
      if (!replace) await unlink(partial)
      await syncFolder(dirname(path))
    },
  }
}
