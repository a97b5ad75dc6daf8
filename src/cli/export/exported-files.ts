// The list of the files that exports have written into a folder. It is kept there, and names each file by its record, the
// version and its SHA-256, so that a resumed export knows its own files from others of the same name.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createAppendFile, reopenAppendFile } from '../files/append-file.js'
import { makeStateFolder } from '../files/folder-target.js'
import { jsonObject, requiredText } from '../files/json-line.js'
import type { Line } from '../files/lines.js'
import { fileExists } from '../files/path-checks.js'
import { sha256, sha256Of } from '../files/sha256.js'
import { keyIdOf, maxEntryBytes } from '../keys/key-entry.js'
import { keyIdSet } from '../keys/key-id-set.js'
import { toJson } from '../terminal/output.js'
import { anotherUserError } from './resumed-export.js'

/** A file, by its record and version. */
export interface ExportedFile {
  user: string
  name: string
  keyId: Buffer
}

/** The list of a folder. */
export interface ExportedFiles {
  /** Adds a file, before it gets its name; resolves when the entry is on disk. */
  add(file: ExportedFile, sha256: string): Promise<void>
  /** True if the file at the path is that version of the record, as an earlier run has exported it. */
  isExported(file: ExportedFile, path: string): Promise<boolean>
  close(): Promise<void>
}

const flag = '--out'

/** Half of a SHA-256: two files are as unlikely to share it as two records are to share a key id. */
function fingerprint({ user, name, keyId }: ExportedFile, sha256: string): Buffer {
  return sha256Of(JSON.stringify([user, name, keyId.toString('hex'), sha256])).subarray(0, 16)
}

/** Opens the list. With a `user`, throws INVALID_REQUEST if the list has files, but none of that user. */
export async function openExportedFiles(folder: string, user?: string): Promise<ExportedFiles> {
  const earlier = keyIdSet()
  const users = new Set<string>()
  const path = join(await makeStateFolder(folder), 'exported.ndjson')
  const read = ({ text = Buffer.alloc(0) }: Line) => {
    const line = jsonObject(text)
    const file = { user: requiredText(line, 'user'), name: requiredText(line, 'name'), keyId: keyIdOf(line) }
    users.add(file.user)
    earlier.add(fingerprint(file, requiredText(line, 'sha256')))
  }
  const check = () => {
    if (user === undefined || users.size === 0 || users.has(user)) return
    throw anotherUserError(folder, 'leave --resume out')
  }
  const advice = 'remove it, and then --force replaces the files that it names'
  const list = (await fileExists({ path, flag }))
    ? await reopenAppendFile({ path, flag, maxLineBytes: maxEntryBytes, advice, read, check })
    : await createAppendFile({ path, flag, existsMessage: `${path} exists` })
  return {
    add: ({ user, name, keyId }, sha256) => list.append(`${toJson({ user, name, key_id: keyId, sha256 })}\n`),
    isExported: async (file, path) => earlier.has(fingerprint(file, await hashFile(path))),
    close: list.close,
  }
}

async function hashFile(path: string): Promise<string> {
  const checksum = sha256()
  for await (const chunk of createReadStream(path)) checksum.update(chunk)
  return checksum.hex()
}
