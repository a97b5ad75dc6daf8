// The state of an unfinished download, in FILE.partial.state: the version, and how many bytes are on disk. It does not
// contain the user, the record name or the record key: the key id alone identifies the version.
import { constants } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { invalidField } from '../../core/errors.js'
import { openAtomicFile } from '../files/atomic-file.js'
import { jsonObject, numberField, requiredText } from '../files/json-line.js'
import { isTrusted } from '../files/path-checks.js'
import { keyIdOf } from '../keys/key-entry.js'
import { toJson } from '../terminal/output.js'

/** The requested bytes of a record, as offset and length; length 0 means to the end. */
export interface Range {
  offset: number
  length: number
}

/** The state of a download of a range. */
export interface DownloadState extends Range {
  keyId: Buffer
  version: number
  /** The size of the whole record. */
  sizeBytes: number
  /** How many bytes of the range are on disk. */
  bytes: number
  /** The SHA-256 of those bytes. */
  sha256: string
}

const maxStateBytes = 4096

/** Reads a state; undefined without a file. Throws INVALID_REQUEST for a foreign file. */
export async function readState(path: string): Promise<DownloadState | undefined> {
  const text = await readTrusted(path)
  if (text === undefined) return undefined
  try {
    const object = jsonObject(text)
    const [offset, length] = [numberField(object, 'offset', 0), numberField(object, 'length', 0)]
    const [version, sizeBytes] = [numberField(object, 'version', 1), numberField(object, 'size_bytes', 0)]
    const [bytes, sha256] = [numberField(object, 'bytes', 0), requiredText(object, 'sha256')]
    return { offset, length, keyId: keyIdOf(object), version, sizeBytes, bytes, sha256 }
  } catch {
    throw foreignState(path)
  }
}

/** Checks the open file, not the path: the path may name another file a moment later. */
async function readTrusted(path: string): Promise<Buffer | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch(({ code }: NodeJS.ErrnoException) => {
    if (code === 'ENOENT') return undefined
    throw foreignState(path)
  })
  try {
    const found = await file?.stat()
    if (found && (!found.isFile() || !isTrusted(found) || found.size > maxStateBytes)) throw foreignState(path)
    return await file?.readFile()
  } finally {
    await file?.close()
  }
}

function foreignState(path: string): Error {
  const partial = path.replace(/\.state$/, '')
  return invalidField('--out', `${path} is not the state of a download; remove it and ${partial} to start over`)
}

/** Replaces the state, atomically and durably. */
export async function writeState(path: string, { keyId, sizeBytes, ...state }: DownloadState): Promise<void> {
  const file = await openAtomicFile({ path, flag: '--out', replace: true })
  try {
    await file.commit(Buffer.from(`${toJson({ key_id: keyId, size_bytes: sizeBytes, ...state })}\n`))
  } finally {
    await file.discard()
  }
}

/** Removes the state, if there is one. */
export async function removeState(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}
