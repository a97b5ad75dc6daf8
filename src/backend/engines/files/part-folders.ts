// Where parts lie as files: a folder for each user, in it one for each record, in it one for each set.
//   <user pseudonym, base64url>/<record pseudonym, base64url>/<key id, hex>/<part number>
import { opendir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { halvesOf } from '../../record/record-id.js'
import type { PartSet } from '../../store/part-store.js'
import { ignoreMissing } from './absent-file.js'

const pseudonymName = /^[A-Za-z0-9_-]{48}$/
const keyIdName = /^[0-9a-f]{32}$/
const partName = /^(0|[1-9]\d{0,6})$/

export function folderOf(root: string, { recordId, keyId }: PartSet): string {
  const [user, record] = halvesOf(recordId)
  return join(root, user.toString('base64url'), record.toString('base64url'), keyId.toString('hex'))
}

/** The folders above a set's, the nearest first; the last is the root. */
export function foldersAbove(setFolder: string): [record: string, user: string, root: string] {
  const record = dirname(setFolder)
  const user = dirname(record)
  return [record, user, dirname(user)]
}

/** The names in a folder; none when it is not there, or not any more. */
async function* namesIn(folder: string, pattern: RegExp): AsyncGenerator<string> {
  const entries = await opendir(folder).catch(ignoreMissing)
  if (entries === undefined) return
  for await (const { name } of entries) if (pattern.test(name)) yield name
}

export async function* partNumbersIn(setFolder: string): AsyncGenerator<number> {
  for await (const name of namesIn(setFolder, partName)) yield Number(name)
}

export async function* setsIn(root: string): AsyncGenerator<PartSet> {
  for await (const user of namesIn(root, pseudonymName)) {
    for await (const record of namesIn(join(root, user), pseudonymName)) {
      for await (const keyId of namesIn(join(root, user, record), keyIdName)) {
        yield { recordId: Buffer.from(user + record, 'base64url'), keyId: Buffer.from(keyId, 'hex') }
      }
    }
  }
}
