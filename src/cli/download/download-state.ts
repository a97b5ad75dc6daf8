// What is known of a download that is not done, in a file beside it: which version it is of, and how much of it is on disk
// for good. It names neither user nor record nor key: the key id is enough, as no two writes have the same.
import { constants } from 'node:fs'
import { open, unlink } from 'node:fs/promises'
import { invalidField } from '../../core/errors.js'
import { openAtomicFile } from '../files/atomic-file.js'
import { jsonObject, numberField, requiredText } from '../files/json-line.js'
import { isOwn } from '../files/own-file.js'
import { keyIdOf } from '../keys/key-entry.js'
import { toJson } from '../terminal/output.js'

/** What part of the record was asked for; length 0 is to the end. */
export interface Range {
  offset: number
  length: number
}

export interface DownloadState extends Range {
  keyId: Buffer
  version: number
  /** Of the whole record. */
  sizeBytes: number
  /** So many bytes of the range are on disk, and this is their SHA-256. */
  bytes: number
  sha256: string
}

const maxStateBytes = 4096

/** Undefined when there is none; throws INVALID_REQUEST for a file that is something else. */
export async function readState(path: string): Promise<DownloadState | undefined> {
  const text = await stateText(path)
  if (text === undefined) return undefined
  try {
    const object = jsonObject(text)
    const [offset, length] = [numberField(object, 'offset', 0), numberField(object, 'length', 0)]
    const [version, sizeBytes] = [numberField(object, 'version', 1), numberField(object, 'size_bytes', 0)]
    const [bytes, sha256] = [numberField(object, 'bytes', 0), requiredText(object, 'sha256')]
    return { offset, length, keyId: keyIdOf(object), version, sizeBytes, bytes, sha256 }
  } catch {
    throw foreign(path)
  }
}

/** What is checked is what is read: the name may be another file's by then. */
async function stateText(path: string): Promise<Buffer | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch(({ code }: NodeJS.ErrnoException) => {
    if (code === 'ENOENT') return undefined
    throw foreign(path)
  })
  try {
    const found = await file?.stat()
    if (found && (!found.isFile() || !isOwn(found) || found.size > maxStateBytes)) throw foreign(path)
    return await file?.readFile()
  } finally {
    await file?.close()
  }
}

function foreign(path: string): Error {
  const partial = path.replace(/\.state$/, '')
  return invalidField('--out', `${path} is not what a download has left; remove it and ${partial} to begin again`)
}

export async function writeState(path: string, { keyId, sizeBytes, ...state }: DownloadState): Promise<void> {
  const file = await openAtomicFile({ path, flag: '--out', replace: true })
  try {
    await file.commit(Buffer.from(`${toJson({ key_id: keyId, size_bytes: sizeBytes, ...state })}\n`))
  } finally {
    await file.discard()
  }
}

export async function removeState(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}
