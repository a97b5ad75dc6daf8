// A file that takes long to write. It grows as FILE.partial, which a later run can continue, and is renamed when it is whole.
import { invalidField } from '../../core/errors.js'
import { type AppendFile, createAppendFile, reopenAppendFile } from './append-file.js'
import { type Destination, publishFile, removeSecondName } from './atomic-file.js'
import type { Line } from './lines.js'
import { fileExists } from './path-checks.js'

/** The error message for an unfinished file in a run without --resume. */
export function partialExistsText(partial: string): string {
  return `${partial} exists from an earlier run; --resume continues it, or remove it to start over`
}

/** The file while it grows. */
export interface ResumableFile extends AppendFile {
  /** The path of the unfinished file. */
  path: string
  /** Gives the file its final name. */
  publish(): Promise<void>
}

/** How to open the file. */
export interface ResumableOptions extends Destination {
  /** Continues the unfinished file of an earlier run, which is refused otherwise. */
  resume: boolean
  maxLineBytes: number
  /** Takes each line of the unfinished file; throws INVALID_REQUEST for a foreign line. */
  read(line: Line): void
  /** Runs after the last line and before any change to the file; throws to leave the file as it is. */
  check(): Promise<void>
}

/** Opens FILE.partial; throws INVALID_REQUEST if it, or FILE, cannot be written. */
export async function openResumableFile(options: ResumableOptions): Promise<ResumableFile> {
  const { path, flag, replace, resume } = options
  if ((await fileExists({ path, flag })) && !replace) throw invalidField(flag, `${path} exists; --force replaces it`)
  const partial = `${path}.partial`
  await removeSecondName(partial)
  const isResumed = resume && (await fileExists({ path: partial, flag }))
  const file = isResumed
    ? await reopenAppendFile({ ...options, path: partial, advice: 'remove it to start over' })
    : await createAppendFile({ path: partial, flag, existsMessage: partialExistsText(partial) })
  return { ...file, path: partial, publish: () => publishFile(partial, { path, flag, replace }) }
}
