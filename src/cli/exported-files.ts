// What an export has written into a folder: a list that lies there and names each file by its record, the version and its
// SHA-256. So a resumed export tells its own files from others that only bear the name of a record.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { leadToOwn } from './folder-target.js'
import { continueGrowing, createGrowing, isThere } from './growing-file.js'
import { jsonObject, requiredText } from './json-line.js'
import { keyIdOf, maxEntryBytes } from './key-entry.js'
import { keyIdSet } from './key-id-set.js'
import type { Line } from './lines.js'
import { toJson } from './output.js'
import { sha256, sha256Of } from './sha256.js'

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
  /** Whether some of them are that user's, or there are none. */
  mayBeOf(user: string): boolean
  close(): Promise<void>
}

const flag = '--out'

/** Half of a SHA-256: two files of one print are as unlikely as two key ids. */
function print({ user, name, keyId }: ExportedFile, sha256: string): Buffer {
  return sha256Of(JSON.stringify([user, name, keyId.toString('hex'), sha256])).subarray(0, 16)
}

export async function openExportedFiles(folder: string): Promise<ExportedFiles> {
  const prints = keyIdSet()
  const users = new Set<string>()
  const path = join(await leadToOwn(folder), 'exported.ndjson')
  const read = ({ text = Buffer.alloc(0) }: Line) => {
    const line = jsonObject(text)
    const [user, name] = [requiredText(line, 'user'), requiredText(line, 'name')]
    users.add(user)
    prints.add(print({ user, name, keyId: keyIdOf(line) }, requiredText(line, 'sha256')))
  }
  const otherwise = 'remove it, and then --force replaces the files that it names'
  const list = (await isThere({ path, flag }))
    ? await continueGrowing({ path, flag, maxLineBytes: maxEntryBytes, otherwise, read })
    : await createGrowing({ path, flag, taken: `${path} is there` })
  return {
    add: ({ user, name, keyId }, sha256) => list.append(`${toJson({ user, name, key_id: keyId, sha256 })}\n`),
    isThere: async (file, there) => prints.has(print(file, await hashOf(there))),
    mayBeOf: (user) => users.size === 0 || users.has(user),
    close: list.close,
  }
}

async function hashOf(path: string): Promise<string> {
  const checksum = sha256()
  for await (const chunk of createReadStream(path)) checksum.update(chunk)
  return checksum.hex()
}
