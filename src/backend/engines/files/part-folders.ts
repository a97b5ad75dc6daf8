// The folders of parts: one for each user, in it one for each record, in it one for each set (store/part-key.ts).
//   <user pseudonym>/<record pseudonym>/<set id>/<part number, decimal>
import { opendir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { partSetNames, partSetOf, pseudonymPattern, setIdPattern } from '../../store/part-key.js'
import type { PartSet } from '../../store/part-store.js'
import { ignoreMissing } from './fs-errors.js'

const pseudonymName = new RegExp(`^${pseudonymPattern}$`)
const setIdName = new RegExp(`^${setIdPattern}$`)
const partName = /^(0|[1-9]\d{0,6})$/

/** The folder of a set. */
export function folderOf(root: string, set: PartSet): string {
  return join(root, ...partSetNames(set))
}

/** The folders above the folder of a set, from its record up to the root. */
export function foldersAbove(setFolder: string): [record: string, user: string, root: string] {
  const record = dirname(setFolder)
  const user = dirname(record)
  return [record, user, dirname(user)]
}

/** The names in a folder that match; none if the folder is absent. */
async function* namesIn(folder: string, pattern: RegExp): AsyncGenerator<string> {
  const entries = await opendir(folder).catch(ignoreMissing)
  if (entries === undefined) return
  for await (const { name } of entries) if (pattern.test(name)) yield name
}

/** The numbers of the parts in the folder of a set, in no order. */
export async function* partNumbersIn(setFolder: string): AsyncGenerator<number> {
  for await (const name of namesIn(setFolder, partName)) yield Number(name)
}

/** The sets below the root, in no order; a set whose folder is empty is among them. */
export async function* setsIn(root: string): AsyncGenerator<PartSet> {
  for await (const user of namesIn(root, pseudonymName)) {
    for await (const record of namesIn(join(root, user), pseudonymName)) {
      for await (const setId of namesIn(join(root, user, record), setIdName)) yield partSetOf([user, record, setId])
    }
  }
}
