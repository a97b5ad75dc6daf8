// What an export has written into a folder: a list that lies there and names each file by its record, the version and its
// SHA-256. So a resumed export tells its own files from others that only bear the name of a record.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createAppendFile, isThere, reopenAppendFile } from '../files/append-file.js'
import { makeOwnParents } from '../files/folder-target.js'
import { jsonObject, requiredText } from '../files/json-line.js'
import type { Line } from '../files/lines.js'
import { sha256, sha256Of } from '../files/sha256.js'
import { keyIdOf, maxEntryBytes } from '../keys/key-entry.js'
import { keyIdSet } from '../keys/key-id-set.js'
import { toJson } from '../terminal/output.js'
import { anotherUser } from './resumed-export.js'

export interface ExportedFile {
  user: string
  name: string
  keyId: Buffer
}

export interface ExportedFiles {
  /** Before the file gets its name: durable when it resolves. */
  add(file: ExportedFile, sha256: string): Promise<void>
  /** Whether what lies there is that version of that record, as it was exported. */
  isThere(file: ExportedFile, path: string): Promise<boolean>
  close(): Promise<void>
}

const flag = '--out'

/** Half of a SHA-256: two files of one print are as unlikely as two key ids. */
function print({ user, name, keyId }: ExportedFile, sha256: string): Buffer {
  return sha256Of(JSON.stringify([user, name, keyId.toString('hex'), sha256])).subarray(0, 16)
}

/** With a `user`, throws INVALID_REQUEST where there are files, and none of that user's. */
export async function openExportedFiles(folder: string, user?: string): Promise<ExportedFiles> {
  const prints = keyIdSet()
  const users = new Set<string>()
  const path = join(await makeOwnParents(folder), 'exported.ndjson')
  const read = ({ text = Buffer.alloc(0) }: Line) => {
    const line = jsonObject(text)
    const file = { user: requiredText(line, 'user'), name: requiredText(line, 'name'), keyId: keyIdOf(line) }
    users.add(file.user)
    prints.add(print(file, requiredText(line, 'sha256')))
  }
  const check = () => {
    if (user === undefined || users.size === 0 || users.has(user)) return
    throw anotherUser(folder, 'leave --resume out')
  }
  const otherwise = 'remove it, and then --force replaces the files that it names'
  const list = (await isThere({ path, flag }))
    ? await reopenAppendFile({ path, flag, maxLineBytes: maxEntryBytes, otherwise, read, check })
    : await createAppendFile({ path, flag, taken: `${path} is there` })
  return {
    add: ({ user, name, keyId }, sha256) => list.append(`${toJson({ user, name, key_id: keyId, sha256 })}\n`),
    isThere: async (file, there) => prints.has(print(file, await hashOf(there))),
    close: list.close,
  }
}

async function hashOf(path: string): Promise<string> {
  const checksum = sha256()
  for await (const chunk of createReadStream(path)) checksum.update(chunk)
  return checksum.hex()
}
