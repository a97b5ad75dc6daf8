// The file that holds MongoDB's URI. The URI holds a password, so only its owner may read it, as with the keyring.
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { VaultError } from '../core/errors.js'
import { Secret } from '../core/secret.js'

const maxBytes = 64 * 1024

function refusal(message: string, cause?: unknown): VaultError {
  return new VaultError('INVALID_REQUEST', { message: `backend.mongodb.uriFile: ${message}`, cause })
}

async function readOwned(path: string, file: FileHandle): Promise<Secret> {
  const { mode, size } = await file.stat()
  if ((mode & 0o077) !== 0) {
    throw refusal(`${path} has mode ${(mode & 0o777).toString(8)}, so others may read it: chmod 600 it`)
  }
  if (size > maxBytes) throw refusal(`${path} is larger than ${maxBytes} bytes: is it a URI?`)
  const bytes = await file.readFile()
  const uri = bytes.toString('utf8').trim()
  bytes.fill(0)
  return new Secret(Buffer.from(uri))
}

/** Reads the URI; throws INVALID_REQUEST with what to do about the file. */
export async function readMongoUri(path: string): Promise<Secret> {
  if (path === '') throw refusal('must name the file that holds the MongoDB URI')
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY)
  } catch (cause) {
    throw refusal(`cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`, cause)
  }
  try {
    return await readOwned(path, file)
  } finally {
    await file.close()
  }
}
