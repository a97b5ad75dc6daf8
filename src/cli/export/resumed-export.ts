// The records in the unfinished file of an earlier export. An export is resumed only for the user it began with.
import { stat } from 'node:fs/promises'
import { invalidField } from '../../core/errors.js'
import { jsonObject, requiredText } from '../files/json-line.js'
import { keyIdOf } from '../keys/key-entry.js'
import { type KeyIdSet, keyIdSet } from '../keys/key-id-set.js'
import { type ExportFlags, entriesOf } from './export-source.js'

/** The export of an earlier run. */
export interface ResumedExport {
  /** The versions in its file. */
  exported: KeyIdSet
  /** Takes a line of its file; throws INVALID_REQUEST for a foreign one. */
  read(line: { text: Buffer | undefined }): void
  /** Throws INVALID_REQUEST if its first record belongs to a user that these flags certainly do not export. */
  refuseAnotherUser(flags: ExportFlags): Promise<void>
}

/** An earlier export without records; `read` adds them. */
export function resumedExport(): ResumedExport {
  const exported = keyIdSet()
  let firstUser: string | undefined
  return {
    exported,
    read({ text }) {
      if (text === undefined) throw invalidField('line', 'is longer than the lines of an export')
      const line = jsonObject(text)
      firstUser ??= requiredText(line, 'user')
      exported.add(keyIdOf(line))
    },
    async refuseAnotherUser(flags) {
      if (firstUser === undefined || (await mayExport(firstUser, flags))) return
      throw anotherUserError(`${flags.out}.partial`, 'remove it to start over')
    },
  }
}

/** The error of an export into a file or a folder with another user's records. */
export function anotherUserError(path: string, advice: string): Error {
  return invalidField('--out', `${path} is of an export of another user's records; ${advice}, or name another --out`)
}

/** The user of the first record to export; undefined if that is not known in advance. */
export async function firstUserOf({ keys, user }: ExportFlags): Promise<string | undefined> {
  if (keys === undefined) return user
  if (!(await stat(keys)).isFile()) return undefined // a pipe can be read only once
  for await (const { entry } of entriesOf(keys)) return entry.user
  return undefined
}

async function mayExport(wanted: string, { keys, user }: ExportFlags): Promise<boolean> {
  if (keys === undefined) return user === wanted
  if (!(await stat(keys)).isFile()) return true // a pipe can be read only once
  for await (const { entry } of entriesOf(keys)) if (entry.user === wanted) return true
  return false
}
