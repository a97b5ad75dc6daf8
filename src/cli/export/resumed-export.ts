// What an export that is resumed has written: which versions, and whose the first is. Another user's is not gone on with.
import { stat } from 'node:fs/promises'
import { invalidField } from '../../core/errors.js'
import { jsonObject, requiredText } from '../files/json-line.js'
import { keyIdOf } from '../keys/key-entry.js'
import { type KeyIdSet, keyIdSet } from '../keys/key-id-set.js'
import { type ExportFlags, entriesOf } from './export-source.js'

export interface ResumedExport {
  exported: KeyIdSet
  /** Takes a line of what is there. */
  read(line: { text: Buffer | undefined }): void
  /** Throws INVALID_REQUEST when its first record is of a user of whom these flags, as far as is known, name none. */
  refuseAnother(flags: ExportFlags): Promise<void>
}

export function resumedExport(): ResumedExport {
  const exported = keyIdSet()
  let first: string | undefined
  return {
    exported,
    read({ text }) {
      if (text === undefined) throw invalidField('line', 'is longer than any that export writes')
      const line = jsonObject(text)
      first ??= requiredText(line, 'user')
      exported.add(keyIdOf(line))
    },
    async refuseAnother(flags) {
      if (first === undefined || (await isOf(first, flags))) return
      throw anotherUser(`${flags.out}.partial`, 'remove it to begin again')
    },
  }
}

export function anotherUser(path: string, advice: string): Error {
  return invalidField('--out', `${path} is of an export of another user's records; ${advice}, or name another --out`)
}

/** Of the first record; undefined where that is not known before the export. */
export async function firstUserOf({ keys, user }: ExportFlags): Promise<string | undefined> {
  if (keys === undefined) return user
  if (!(await stat(keys)).isFile()) return undefined // a pipe can be read only once
  for await (const { entry } of entriesOf(keys)) return entry.user
  return undefined
}

async function isOf(first: string, { keys, user }: ExportFlags): Promise<boolean> {
  if (keys === undefined) return user === first
  if (!(await stat(keys)).isFile()) return true // a pipe can be read only once
  for await (const { entry } of entriesOf(keys)) if (entry.user === first) return true
  return false
}
