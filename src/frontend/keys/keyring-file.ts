// Where the keyring lies. Only its owner may read it; it appears whole or not at all, and is never overwritten.
import { constants, type Stats } from 'node:fs'
import { type FileHandle, link, lstat, open, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makePrivateFolder, syncFolder } from '../../core/durable-file.js'
import { VaultError } from '../../core/errors.js'
import type { RandomSource } from '../crypto/random.js'
import { type Keyring, newKeyringText, parseKeyring } from './keyring.js'

const maxBytes = 1024 * 1024

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function refusal(message: string, cause?: unknown): VaultError {
  return new VaultError('INVALID_REQUEST', { message, cause })
}

/** The text in `path`; null when there is no such file. Neither blocks nor reads for what is no plain file. */
async function readOwned(path: string): Promise<string | null> {
  let file: FileHandle | undefined
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    checkOwned(path, await file.stat())
    return await file.readFile('utf8')
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    if (codeOf(cause) === 'ENOENT') return null
    throw refusal(`cannot read the keyring ${path} (${codeOf(cause) ?? 'unknown'})`, cause)
  } finally {
    await file?.close()
  }
}

function checkOwned(path: string, found: Stats): void {
  if (!found.isFile()) throw refusal(`the keyring ${path} is not a file`)
  if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8)
    throw refusal(`the keyring ${path} has mode ${mode}, so others may read it: chmod 600 it`)
  }
  if (found.size > maxBytes) throw refusal(`the keyring ${path} is larger than ${maxBytes} bytes: is it a keyring?`)
}

/** The keyring in `path`; null when there is no such file. */
export async function readKeyring(path: string): Promise<Keyring | null> {
  const text = await readOwned(path)
  return text === null ? null : parseKeyring(text)
}

/** Makes a keyring in `path`; throws, and changes nothing, when there is one. */
export async function createKeyring(path: string, realm: string, random: RandomSource): Promise<void> {
  const text = newKeyringText(realm, random)
  const temporary = `${path}.${random.fill(Buffer.alloc(8)).toString('hex')}.tmp`
  try {
    await makePrivateFolder(dirname(path))
    await writeSynced(temporary, text)
    await appear(temporary, path)
  } catch (cause) {
    if (cause instanceof VaultError) throw cause
    throw refusal(`cannot write the keyring ${path} (${codeOf(cause) ?? 'unknown'})`, cause)
  } finally {
    await unlink(temporary).catch(() => undefined) // gone already, or never made
  }
}

async function appear(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path) // unlike rename, it fails when the name is taken
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause
    const found = await lstat(path)
    const what = found.isDirectory()
      ? `${path} is a folder: name a file in it`
      : `${path} is there already, and is left as it is`
    throw refusal(what, cause)
  }
  await syncFolder(dirname(path))
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
